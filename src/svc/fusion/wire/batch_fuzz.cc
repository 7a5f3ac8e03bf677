// Makes batches of arbitrary bytes: over gRPC, compressed or not, and as JSON in parts, each must
// arrive as it was.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "adapters/json/tape.h"
#include "adapters/zstd/zstd.h"
#include "base/check.h"
#include "base/fuzz_testing.h"
#include "svc/agent/wire/json_report.h"
#include "svc/agent/wire/report.h"
#include "svc/fusion/wire/agents.h"
#include "svc/fusion/wire/batch_check_testing.h"
#include "svc/fusion/wire/pushed_events.h"

namespace fustor::fusion {
namespace {

std::string Path(FuzzInput& in) {
  const Result<std::string> path = NormalizeViewPath(in.Text());
  return path.ok() ? *path : "/p";
}

std::string Name(FuzzInput& in) {
  std::string name(in.Text());
  for (char& c : name) {
    if (c == '/' || c == '\0') c = '_';
  }
  return name.empty() || name == "." || name == ".." ? "n" : name;
}

// Mostly what is usual, so that columns of one value come up.
std::uint64_t Any(FuzzInput& in, std::uint64_t usual) { return in.Flag() ? in.Number() : usual; }

EntryAttrs Attrs(FuzzInput& in, EntryKind kind) {
  EntryAttrs a;
  a.kind = kind;
  const std::uint8_t odd = in.Byte();
  const auto any = [&](int bit, std::uint64_t usual) {
    return (odd >> bit & 1) != 0 ? in.Number() : usual;
  };
  a.mode = static_cast<std::uint32_t>(any(0, 0100644));
  a.uid = static_cast<std::uint32_t>(any(1, 1000));
  a.gid = static_cast<std::uint32_t>(any(1, 100));
  a.nlink = static_cast<std::uint32_t>(any(2, 1));
  a.inode = any(3, 42);
  a.device = any(4, 2049);
  a.size_bytes = static_cast<std::int64_t>(any(5, 0) >> 1);
  a.allocated_bytes = static_cast<std::int64_t>(any(5, 4096) >> 1);
  a.mtime_ns = static_cast<std::int64_t>(any(6, 1'700'000'000'000'000'000));
  a.ctime_ns = static_cast<std::int64_t>(any(7, 1'700'000'000'000'000'000));
  a.atime_ns = static_cast<std::int64_t>(any(7, 0));
  return a;
}

std::string Target(FuzzInput& in, EntryKind kind) {
  return kind == EntryKind::kSymlink ? Name(in) : "";
}

batch::Change Change(FuzzInput& in) {
  batch::Change change;
  change.kind = static_cast<batch::Change::Kind>(1 + in.Below(3));
  change.path = Path(in);
  if (change.kind == batch::Change::Kind::kMove) {
    change.old_path = Path(in);
    change.moved = static_cast<batch::Change::Moved>(in.Below(3));
    change.moved_inode = in.Below(3);
  }
  if (change.kind != batch::Change::Kind::kUpsert) return change;
  const auto kind = static_cast<EntryKind>(in.Below(4));
  change.attrs = Attrs(in, kind);
  change.target = Target(in, kind);
  change.atomic = in.Flag();
  return change;
}

batch::DirBlock Block(FuzzInput& in) {
  batch::DirBlock block;
  block.path = Path(in);
  const std::uint8_t flags = in.Byte();
  if ((flags & 1) != 0) block.self = Attrs(in, EntryKind::kDirectory);
  block.failed = (flags & 4) != 0;
  block.silent = (flags & 8) != 0;
  block.complete = (flags & 2) != 0 && !block.silent && !block.failed;
  block.unwatched = (flags & 16) != 0;
  for (std::size_t n = flags >> 6; n > 0; --n) block.exempt.push_back(Name(in));
  std::map<std::string, bool> names;
  for (std::size_t n = in.Below(16); n > 0; --n) names[Name(in)] = true;
  for (const auto& [name, unused] : names) {
    const auto kind = static_cast<EntryKind>(in.Below(4));
    const EntryAttrs attrs = Attrs(in, kind);
    block.rows.Append(name, attrs, Target(in, kind));
  }
  return block;
}

batch::Batch AnyBatch(FuzzInput& in) {
  batch::Batch batch;
  batch.sequence = 1;
  batch.source = static_cast<batch::Source>(1 + in.Below(4));
  batch.index_ms = static_cast<std::int64_t>(Any(in, 1'700'000'000'000));
  batch.scan_id = Any(in, 1) >> 1;
  batch.mark = static_cast<batch::ScanMark>(in.Below(3));
  if (batch.mark == batch::ScanMark::kBegin) {
    batch.scan_path = Path(in);
    batch.full_every = static_cast<std::uint32_t>(in.Below(100));
  }
  if (batch.source == batch::Source::kJob) {
    batch.job_id = "1a2b3c4d";
    batch.shallow = batch.mark == batch::ScanMark::kBegin && in.Flag();
    if (batch.mark == batch::ScanMark::kEnd) batch.job_error = PrintablePath(Name(in));
  }
  batch.lost_events = in.Flag();
  const bool changes = batch.source == batch::Source::kRealtime && in.Flag();
  for (int n = 0; n < 40 && !in.empty(); ++n) {
    if (changes) {
      batch.changes.push_back(Change(in));
    } else {
      batch.blocks.push_back(Block(in));
    }
  }
  return batch;
}

void CheckGrpc(const batch::Batch& batch) {
  static const auto zstd = zstd::MakeCompressor();
  const Result<DecodedBatch> decoded = DecodeReport(agent::EncodeReport(batch, *zstd), *zstd, {});
  FUSTOR_CHECK(decoded.ok(), decoded.status().message());
  FUSTOR_CHECK(decoded->skipped_rows == 0);
  const std::string_view difference = Difference(decoded->batch, batch);
  FUSTOR_CHECK(difference.empty(), difference);
}

void CheckJson(const batch::Batch& batch, std::size_t bytes_max) {
  static const auto parser = json::MakeTapeParser();
  const agent::NumberedReport report(batch, bytes_max);
  NumberedBatches inbox;
  std::vector<batch::Batch> taken;
  for (std::size_t part = 0; part < report.parts(); ++part) {
    json::Tape tape;
    PushedEvents pushed;
    BadField bad;
    FUSTOR_CHECK(parser->Parse(report.Part(part), &tape).ok());
    FUSTOR_CHECK(DecodePushedEvents(tape, {}, &pushed, &bad), bad.text);
    FUSTOR_CHECK(pushed.rejected == 0 && pushed.batches.size() == 1);
    auto whole = inbox.Take(std::move(pushed.batches[0]), pushed.part);
    FUSTOR_CHECK(whole.ok(), whole.status().message());
    for (batch::Batch& each : *whole) taken.push_back(std::move(each));
  }
  FUSTOR_CHECK(taken.size() == 1);
  const std::string_view difference = Difference(taken[0], batch);
  FUSTOR_CHECK(difference.empty(), difference);
}

}  // namespace
}  // namespace fustor::fusion

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::FuzzInput in(data, size);
  const std::size_t bytes_max = 300 + std::size_t{in.Byte()} * 40;
  const fustor::batch::Batch batch = fustor::fusion::AnyBatch(in);
  fustor::fusion::CheckBatch(batch);
  fustor::fusion::CheckGrpc(batch);
  fustor::fusion::CheckJson(batch, bytes_max);
  return 0;
}
