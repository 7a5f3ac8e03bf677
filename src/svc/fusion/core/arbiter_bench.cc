// Rows per second through the arbiter into the tree, one core, all rules on.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/path.h"
#include "base/prng.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/feed.h"

namespace fustor::fusion {
namespace {

constexpr std::int64_t kS = 1'000'000'000;
constexpr std::int64_t kNowNs = 1'700'000'000 * kS;
constexpr std::size_t kDirectories = 10'000;
constexpr std::size_t kRowsPerDirectory = 100;

Now NowAt(std::int64_t seconds) { return {{seconds * kS}, {kNowNs + seconds * kS}}; }

EntryAttrs Attrs(EntryKind kind, std::uint64_t inode, std::int64_t mtime_ns) {
  EntryAttrs attrs;
  attrs.kind = kind;
  attrs.mode = kind == EntryKind::kDirectory ? 040755 : 0100644;
  attrs.uid = attrs.gid = 1000;
  attrs.inode = inode;
  attrs.device = 2049;
  attrs.size_bytes = static_cast<std::int64_t>((inode * 0x9E3779B97F4A7C15ull) >> 46);
  attrs.allocated_bytes = (attrs.size_bytes + 4095) / 4096 * 4096;
  attrs.mtime_ns = attrs.ctime_ns = attrs.atime_ns = mtime_ns;
  return attrs;
}

std::string DirName(std::size_t i) { return "project-" + std::to_string(i % 100); }
std::string DirPath(std::size_t i) {
  return "/home/user-" + std::to_string(i / 100) + "/" + DirName(i);
}

// One million files in ten thousand directories; `age_s` is how old the youngest file is.
std::vector<batch::Batch> Snapshot(std::int64_t age_s) {
  Prng prng(7);
  std::vector<batch::Batch> batches;
  std::uint64_t inode = 1;
  for (std::size_t d = 0; d < kDirectories; ++d) {
    if (d % 10 == 0) {
      batches.emplace_back();
      batches.back().source = batch::Source::kSnapshot;
      batches.back().scan_id = 1;
      if (d == 0) batches.back().mark = batch::ScanMark::kBegin;
    }
    batch::DirBlock block;
    block.path = DirPath(d);
    block.self = Attrs(EntryKind::kDirectory, ++inode, kNowNs - 5000 * kS);
    block.complete = true;
    for (std::size_t f = 0; f < kRowsPerDirectory; ++f) {
      std::string name = std::to_string(1000 + f);
      name = "report-" + name + ".txt";
      const std::int64_t mtime = kNowNs - age_s * kS - prng.Between(0, 40 * kS);
      block.rows.Append(name, Attrs(EntryKind::kFile, ++inode, mtime));
    }
    batches.back().blocks.push_back(std::move(block));
  }
  return batches;
}

void ApplyAll(Arbiter& arbiter, tree::Tree& tree, const std::vector<batch::Batch>& batches,
              std::int64_t at_s) {
  for (const batch::Batch& batch : batches) {
    benchmark::DoNotOptimize(arbiter.Apply(batch, {1}, 1, NowAt(at_s)));
    tree.Publish();
  }
}

void CountRows(benchmark::State& state) {
  state.SetItemsProcessed(
      static_cast<std::int64_t>(state.iterations() * kDirectories * (kRowsPerDirectory + 1)));
}

void BM_FirstSnapshot(benchmark::State& state) {
  const auto batches = Snapshot(state.range(0));
  for (auto _ : state) {
    tree::Tree tree;
    {
      Arbiter arbiter({}, tree);
      ApplyAll(arbiter, tree, batches, 0);
    }
    state.PauseTiming();
    state.counters["entries"] = static_cast<double>(tree.memory().entries);
    state.counters["bytes_per_entry"] =
        static_cast<double>(tree.memory().bytes) / static_cast<double>(tree.memory().entries);
    state.ResumeTiming();
  }
  CountRows(state);
}
BENCHMARK(BM_FirstSnapshot)->ArgName("age_s")->Arg(1000)->Arg(10)->Unit(benchmark::kMillisecond);

// The same with somebody who follows: every row becomes a change in the feed, too.
void BM_FirstSnapshotFollowed(benchmark::State& state) {
  const auto batches = Snapshot(1000);
  for (auto _ : state) {
    Feed feed(Feed::Options{});
    tree::Tree tree;
    Arbiter arbiter({}, tree);
    feed.Begin(tree.revision());
    tree.Observe(&feed);
    for (const batch::Batch& batch : batches) {
      benchmark::DoNotOptimize(arbiter.Apply(batch, {1}, 1, NowAt(0)));
      feed.Publish(tree.Publish(), NowAt(0).wall);
    }
    state.counters["kept"] = static_cast<double>(feed.rows());
    state.counters["bytes_per_change"] =
        static_cast<double>(feed.size_bytes()) / static_cast<double>(feed.rows());
  }
  CountRows(state);
}
BENCHMARK(BM_FirstSnapshotFollowed)->Unit(benchmark::kMillisecond);

void BM_UnchangedSnapshot(benchmark::State& state) {
  const auto batches = Snapshot(1000);
  tree::Tree tree;
  Arbiter arbiter({}, tree);
  ApplyAll(arbiter, tree, batches, 0);
  std::int64_t at_s = 1;
  for (auto _ : state) ApplyAll(arbiter, tree, batches, at_s++);
  CountRows(state);
}
BENCHMARK(BM_UnchangedSnapshot)->Unit(benchmark::kMillisecond);

// As above, but with tombstones, suspects and another agent's realtime evidence about.
void BM_UnchangedSnapshotAmongLists(benchmark::State& state) {
  const auto batches = Snapshot(1000);
  tree::Tree tree;
  Arbiter arbiter({}, tree);
  ApplyAll(arbiter, tree, batches, 0);
  batch::Batch realtime;
  for (std::size_t d = 0; d < kDirectories; ++d) {
    batch::Change gone;
    gone.kind = batch::Change::Kind::kDelete;
    gone.path = DirPath(d) + "/gone";
    realtime.changes.push_back(gone);
  }
  arbiter.Apply(realtime, {2}, 2, NowAt(1));
  for (auto _ : state) ApplyAll(arbiter, tree, batches, 2);
  CountRows(state);
}
BENCHMARK(BM_UnchangedSnapshotAmongLists)->Unit(benchmark::kMillisecond);

// A tree of a million that has been moved in: whole listings as realtime evidence; then all of it
// listed again.
void BM_Appeared(benchmark::State& state) {
  auto batches = Snapshot(1000);
  for (batch::Batch& batch : batches) {
    batch.source = batch::Source::kRealtime;
    batch.scan_id = 0;
    batch.mark = batch::ScanMark::kNone;
  }
  const bool again = state.range(0) != 0;
  for (auto _ : state) {
    state.PauseTiming();
    tree::Tree tree;
    Arbiter arbiter({}, tree);
    if (again) ApplyAll(arbiter, tree, batches, 0);
    state.ResumeTiming();
    ApplyAll(arbiter, tree, batches, 1);
  }
  CountRows(state);
}
BENCHMARK(BM_Appeared)->ArgName("again")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

// Updates of random files of a tree of a million, in batches of 1000 as they come off the wire: in
// so many directories, with a revision after so many batches. Every revision packs anew the chunks
// (up to 128 rows) in which something has changed, so what counts is how many changes share one.
void BM_RandomRealtime(benchmark::State& state) {
  const auto directories = static_cast<std::uint64_t>(state.range(0));
  const std::int64_t batches_per_revision = state.range(1);
  tree::Tree tree;
  Arbiter arbiter({}, tree);
  ApplyAll(arbiter, tree, Snapshot(1000), 0);
  Prng prng(1);
  std::vector<batch::Batch> batches(100);
  for (batch::Batch& batch : batches) {
    for (int i = 0; i < 1000; ++i) {
      batch::Change change;
      const std::size_t d = prng.Below(directories);
      change.path = DirPath(d) + "/report-" + std::to_string(1000 + prng.Below(100)) + ".txt";
      change.attrs = Attrs(EntryKind::kFile, prng.Below(2'000'000) + 1, kNowNs);
      change.atomic = !prng.Chance(1, 10);
      batch.changes.push_back(std::move(change));
    }
  }
  std::int64_t at_s = 1;
  std::int64_t rows = 0;
  for (auto _ : state) {
    for (const batch::Batch& kept : batches) {
      // As it comes from the decoder: just written, so in the caches.
      state.PauseTiming();
      batch::Batch batch = kept;
      state.ResumeTiming();
      arbiter.Apply(batch, {1}, 1, NowAt(at_s));
      rows += static_cast<std::int64_t>(batch.changes.size());
      if (rows / 1000 % batches_per_revision == 0) tree.Publish();
    }
    arbiter.Tick(NowAt(at_s++), 100'000);
  }
  state.SetItemsProcessed(rows);
}
BENCHMARK(BM_RandomRealtime)
    ->ArgNames({"dirs", "batches"})
    ->Args({kDirectories, 1})
    ->Args({kDirectories, 16})
    ->Args({kDirectories, 100})
    ->Args({100, 1})
    ->Unit(benchmark::kMillisecond);

// Files that come and go: create, write, delete.
void BM_RealtimeCreateDelete(benchmark::State& state) {
  tree::Tree tree;
  Arbiter arbiter({}, tree);
  ApplyAll(arbiter, tree, Snapshot(1000), 0);
  Prng prng(1);
  std::int64_t rows = 0;
  std::int64_t at_s = 1;
  batch::Batch batch;
  for (int i = 0; i < 1000; ++i) {
    batch::Change change;
    change.path = DirPath(prng.Below(kDirectories)) + "/tmp-" + std::to_string(i);
    change.attrs = Attrs(EntryKind::kFile, 3'000'000 + static_cast<std::uint64_t>(i), kNowNs);
    batch.changes.push_back(change);
    change.kind = batch::Change::Kind::kDelete;
    batch.changes.push_back(change);
  }
  for (auto _ : state) {
    arbiter.Apply(batch, {1}, 1, NowAt(at_s));
    tree.Publish();
    rows += static_cast<std::int64_t>(batch.changes.size());
    ++at_s;
  }
  state.SetItemsProcessed(rows);
}
BENCHMARK(BM_RealtimeCreateDelete)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fustor::fusion

BENCHMARK_MAIN();
