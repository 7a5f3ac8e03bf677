// How large a row is on the wire between agent and Fusion, and what it costs to write and read it.

#include <benchmark/benchmark.h>

#include <cstdio>

#include "adapters/zstd/zstd.h"
#include "base/prng.h"
#include "svc/agent/wire/report.h"
#include "svc/fusion/wire/agents.h"

namespace fustor {
namespace {

constexpr int kBlocks = 40;
constexpr int kRowsPerBlock = 100;
constexpr int kRows = kBlocks * (kRowsPerBlock + 1);
constexpr std::int64_t kDay = 86'400'000'000'000;

enum NameStyle : int { kNumbered, kHashed };

// 28 bytes, unique, in sorted order.
std::string Name(NameStyle style, int n, Prng& prng) {
  char text[64];
  if (style == kNumbered) {
    std::snprintf(text, sizeof(text), "sample_%06d_%06d.parquet", n,
                  static_cast<int>(prng.Below(1'000'000)));
  } else {
    std::snprintf(text, sizeof(text), "%04x%012llx.%07d.dat", n,
                  static_cast<unsigned long long>(prng.Next() >> 16), 1234567);
  }
  return std::string(text).substr(0, 28);
}

batch::Batch Listing(NameStyle style) {
  Prng prng(1);
  batch::Batch batch;
  batch.sequence = 17;
  batch.source = batch::Source::kSnapshot;
  batch.index_ms = 1'700'000'000'000;
  batch.scan_id = 3;
  std::uint64_t inode = 40'000'000;
  for (int b = 0; b < kBlocks; ++b) {
    batch::DirBlock& block = batch.blocks.emplace_back();
    block.path = "/datasets/imaging/run-2026-04/shard-" + std::to_string(1000 + b);
    block.complete = true;
    block.self.kind = EntryKind::kDirectory;
    block.self.mode = 0040755;
    block.rows.Reserve(kRowsPerBlock, kRowsPerBlock * 28);
    for (int i = 0; i < kRowsPerBlock; ++i) {
      EntryAttrs a;
      a.mode = 0100644;
      a.uid = a.gid = 1000;
      a.inode = inode += 1 + prng.Below(20);
      a.device = 2049;
      a.size_bytes = prng.Between(0, 1 << prng.Between(10, 30));
      a.allocated_bytes = (a.size_bytes + 4095) / 4096 * 4096;
      a.mtime_ns = 1'700'000'000'000'000'000 + prng.Between(0, kDay);
      a.ctime_ns = a.mtime_ns + (prng.Chance(1, 10) ? prng.Between(0, kDay) : 0);
      a.atime_ns = a.mtime_ns - prng.Between(0, 50'000'000);
      block.rows.Append(Name(style, i, prng), a);
    }
  }
  return batch;
}

void Encode(benchmark::State& state) {
  const auto compressor = zstd::MakeCompressor();
  const batch::Batch batch = Listing(static_cast<NameStyle>(state.range(0)));
  std::size_t bytes = 0;
  for (auto unused : state) {
    const std::string encoded = agent::EncodeReport(batch, *compressor);
    bytes = encoded.size();
    benchmark::DoNotOptimize(encoded.data());
  }
  state.counters["bytes/row"] = static_cast<double>(bytes) / kRows;
  state.counters["s/row"] = benchmark::Counter(
      kRows, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(Encode)->Arg(kNumbered)->Arg(kHashed);

void Decode(benchmark::State& state) {
  const auto compressor = zstd::MakeCompressor();
  const std::string bytes =
      agent::EncodeReport(Listing(static_cast<NameStyle>(state.range(0))), *compressor);
  for (auto unused : state) {
    const auto decoded = fusion::DecodeReport(bytes, *compressor, {});
    if (!decoded.ok()) state.SkipWithError("does not decode");
    benchmark::DoNotOptimize(decoded);
  }
  state.counters["s/row"] = benchmark::Counter(
      kRows, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(Decode)->Arg(kNumbered)->Arg(kHashed);

}  // namespace
}  // namespace fustor

BENCHMARK_MAIN();
