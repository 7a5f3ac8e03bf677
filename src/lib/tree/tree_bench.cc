// Benchmarks of lib/tree: one million files with names of 28 bytes, 100 in a directory.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/prng.h"
#include "lib/tree/duplicates.h"
#include "lib/tree/groups.h"
#include "lib/tree/ranking.h"
#include "lib/tree/search.h"
#include "lib/tree/tree.h"

namespace fustor::tree {
namespace {

constexpr std::uint64_t kFilesPerDirectory = 100;
constexpr std::uint64_t kRowsPerRevision = 4000;
constexpr std::int64_t kYearNs = 31'536'000'000'000'000;

enum NameStyle : std::int64_t { kNumbered, kHashed };

std::string FileName(NameStyle style, std::uint64_t i) {
  char name[64];
  if (style == kNumbered) {
    std::snprintf(name, sizeof name, "measurement-%011llu.data",
                  static_cast<unsigned long long>(i));
    return name;
  }
  const std::uint64_t a = Prng(i).Next();
  const std::uint64_t b = Prng(i + 1'000'000'007).Next() & 0xFFFF'FFFF'FFFF;
  std::snprintf(name, sizeof name, "%016llx%012llx", static_cast<unsigned long long>(a),
                static_cast<unsigned long long>(b));
  return name;
}

std::string DirectoryPath(std::uint64_t i) {
  char path[64];
  std::snprintf(path, sizeof path, "/data/%02llu/run-%05llu",
                static_cast<unsigned long long>(i / 100), static_cast<unsigned long long>(i));
  return path;
}

// What lstat tells on a busy file system: inodes nearly in order, times of one year.
Entry FileEntry(Prng* random, std::uint64_t i) {
  Entry e;
  e.attrs.mode = 0100644;
  e.attrs.uid = e.attrs.gid = 1000;
  e.attrs.inode = 10'000'000 + i + random->Below(1000);
  e.attrs.device = 66306;
  e.attrs.size_bytes = static_cast<std::int64_t>(random->Next() >> (40 + random->Below(24)));
  e.attrs.allocated_bytes = (e.attrs.size_bytes + 4095) / 4096 * 4096;
  e.attrs.mtime_ns = 1'700'000'000'000'000'000 + static_cast<std::int64_t>(random->Below(kYearNs));
  e.attrs.ctime_ns = e.attrs.atime_ns = e.attrs.mtime_ns;
  return e;
}

// Rows sorted by name, directory by directory, as a scan delivers them.
struct Input {
  std::vector<std::pair<std::string, Entry>> files;
  Input(NameStyle style, std::uint64_t n) {
    Prng random(1);
    files.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
      files.emplace_back(FileName(style, i), FileEntry(&random, i));
    }
    for (auto at = files.begin(); at != files.end(); at += kFilesPerDirectory) {
      std::sort(at, at + kFilesPerDirectory,
                [](const auto& a, const auto& b) { return a.first < b.first; });
    }
  }
};

void Fill(const Input& input, Tree* tree) {
  DirId dir;
  for (std::uint64_t i = 0; i < input.files.size(); ++i) {
    if (i % kFilesPerDirectory == 0) {
      dir = tree->EnsureDirectory(DirectoryPath(i / kFilesPerDirectory));
    }
    tree->Put(dir, input.files[i].first, input.files[i].second);
    if ((i + 1) % kRowsPerRevision == 0) tree->Publish();
  }
  tree->Publish();
}

const Input& Million(NameStyle style) {
  static const Input numbered(kNumbered, 1'000'000);
  static const Input hashed(kHashed, 1'000'000);
  return style == kNumbered ? numbered : hashed;
}

Tree& MillionTree(NameStyle style) {
  static std::unique_ptr<Tree> trees[2];
  if (trees[style] == nullptr) {
    trees[style] = std::make_unique<Tree>();
    Fill(Million(style), trees[style].get());
  }
  return *trees[style];
}

NameStyle StyleOf(const benchmark::State& state) { return static_cast<NameStyle>(state.range(0)); }

void BM_Fill(benchmark::State& state) {
  const Input& input = Million(StyleOf(state));
  double bytes_per_file = 0;
  for (auto _ : state) {
    auto tree = std::make_unique<Tree>();
    Fill(input, tree.get());
    state.PauseTiming();
    bytes_per_file =
        static_cast<double>(tree->memory().bytes) / static_cast<double>(input.files.size());
    tree.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(input.files.size()) * state.iterations());
  state.counters["bytes_per_file"] = bytes_per_file;
}
BENCHMARK(BM_Fill)->Arg(kNumbered)->Arg(kHashed)->Unit(benchmark::kMillisecond);

void BM_FillOneDirectory(benchmark::State& state) {
  const Input& input = Million(kNumbered);
  for (auto _ : state) {
    auto tree = std::make_unique<Tree>();
    const DirId dir = tree->EnsureDirectory("/all");
    for (std::uint64_t i = 0; i < input.files.size(); ++i) {
      tree->Put(dir, input.files[i].first, input.files[i].second);
      if ((i + 1) % kRowsPerRevision == 0) tree->Publish();
    }
    tree->Publish();
    state.PauseTiming();
    tree.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(input.files.size()) * state.iterations());
}
BENCHMARK(BM_FillOneDirectory)->Unit(benchmark::kMillisecond);

// A scan that finds nothing new compares directory by directory.
void BM_CompareUnchanged(benchmark::State& state) {
  const Input& input = Million(kNumbered);
  Tree& tree = MillionTree(kNumbered);
  std::uint64_t same = 0;
  for (auto _ : state) {
    for (std::uint64_t i = 0; i < input.files.size();) {
      tree.ForEachChild(*tree.FindDirectory(DirectoryPath(i / kFilesPerDirectory)),
                        [&](std::string_view name, const Entry& entry) {
                          const auto& [want, attrs] = input.files[i++];
                          same += want == name && attrs.attrs == entry.attrs;
                          return true;
                        });
    }
  }
  benchmark::DoNotOptimize(same);
  state.SetItemsProcessed(static_cast<std::int64_t>(input.files.size()) * state.iterations());
}
BENCHMARK(BM_CompareUnchanged)->Unit(benchmark::kMillisecond);

void BM_PutUnchanged(benchmark::State& state) {
  const Input& input = Million(kNumbered);
  Tree& tree = MillionTree(kNumbered);
  for (auto _ : state) Fill(input, &tree);
  state.SetItemsProcessed(static_cast<std::int64_t>(input.files.size()) * state.iterations());
}
BENCHMARK(BM_PutUnchanged)->Unit(benchmark::kMillisecond);

// One file anywhere, published every `range` updates.
void BM_RandomUpdate(benchmark::State& state) {
  const Input& input = Million(kNumbered);
  Tree& tree = MillionTree(kNumbered);
  Prng random(3);
  const auto batch = static_cast<std::uint64_t>(state.range(0));
  std::uint64_t n = 0;
  for (auto _ : state) {
    const std::uint64_t i = random.Below(input.files.size());
    Entry entry = input.files[i].second;
    entry.attrs.size_bytes += static_cast<std::int64_t>(++n);
    entry.attrs.mtime_ns += static_cast<std::int64_t>(n);
    tree.Put(*tree.FindDirectory(DirectoryPath(i / kFilesPerDirectory)), input.files[i].first,
             entry);
    if (n % batch == 0) tree.Publish();
  }
  tree.Publish();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_RandomUpdate)->Arg(1)->Arg(1000);

void BM_List100(benchmark::State& state) {
  Tree& tree = MillionTree(kNumbered);
  const Snapshot snapshot = *tree.Pin();
  const DirId dir = snapshot.Find(DirectoryPath(4711))->dir;
  std::int64_t sum = 0;
  for (auto _ : state) {
    snapshot.ForEachChild(dir, "", [&](const Snapshot::Row& row) {
      const Entry entry = row.Load();
      sum += entry.attrs.size_bytes + static_cast<std::int64_t>(row.name().size());
      return true;
    });
  }
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(BM_List100)->Unit(benchmark::kMicrosecond);

void BM_AggregatesOf(benchmark::State& state) {
  Tree& tree = MillionTree(kNumbered);
  const Snapshot snapshot = *tree.Pin();
  std::uint32_t id = 1;
  std::uint64_t sum = 0;
  for (auto _ : state) sum += snapshot.AggregatesOf(DirId{1 + ++id % 10'000}).bytes;
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(BM_AggregatesOf);

void BM_Find(benchmark::State& state) {
  const Input& input = Million(kNumbered);
  Tree& tree = MillionTree(kNumbered);
  const Snapshot snapshot = *tree.Pin();
  Prng random(5);
  std::vector<std::string> paths;
  for (int k = 0; k < 10'000; ++k) {
    const std::uint64_t i = random.Below(input.files.size());
    paths.push_back(DirectoryPath(i / kFilesPerDirectory) + "/" + input.files[i].first);
  }
  std::size_t k = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(snapshot.Find(paths[++k % paths.size()]));
  }
}
BENCHMARK(BM_Find);

void BM_PinAndRelease(benchmark::State& state) {
  Tree& tree = MillionTree(kNumbered);
  for (auto _ : state) benchmark::DoNotOptimize(tree.Pin().ok());
}
BENCHMARK(BM_PinAndRelease);

void BM_Search(benchmark::State& state, NameStyle style, const char* pattern) {
  Tree& tree = MillionTree(style);
  const Snapshot snapshot = *tree.Pin();
  SearchQuery query;
  query.pattern = pattern;
  std::uint64_t found = 0;
  for (auto _ : state) {
    Search(snapshot, query, "", UINT64_MAX, [&](std::string_view, const Snapshot::Row&) {
      ++found;
      return true;
    });
  }
  state.counters["found"] = static_cast<double>(found) / static_cast<double>(state.iterations());
}
#define FUSTOR_SEARCH(name, style, pattern) \
  BENCHMARK_CAPTURE(BM_Search, name, style, pattern)->Unit(benchmark::kMillisecond)
FUSTOR_SEARCH(numbered_rare, kNumbered, "0999123");
FUSTOR_SEARCH(hashed_rare, kHashed, "C0FFEE");
FUSTOR_SEARCH(hashed_absent, kHashed, "report");
FUSTOR_SEARCH(numbered_glob_tail, kNumbered, "*99123.data");
FUSTOR_SEARCH(hashed_glob_middle, kHashed, "*c0ff*");
FUSTOR_SEARCH(hashed_path_glob, kHashed, "/data/42/*7");

// --- Questions about everything ---

template <class Add>
void ForEachMatch(const Snapshot& snapshot, const Add& add) {
  const SearchQuery query;
  Search(snapshot, query, "", UINT64_MAX, [&](std::string_view path, const Snapshot::Row& row) {
    add(path, row);
    return true;
  });
}

void BM_Groups(benchmark::State& state, std::vector<Dimension> by) {
  const Snapshot snapshot = *MillionTree(kHashed).Pin();
  for (auto _ : state) {
    Grouping grouping({.by = by, .now_ns = 1'740'000'000'000'000'000});
    ForEachMatch(snapshot, [&](auto path, const auto& row) { grouping.Add(path, row); });
    benchmark::DoNotOptimize(grouping.total());
  }
}
BENCHMARK_CAPTURE(BM_Groups, ext, {Dimension::kExtension})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Groups, size_age, {Dimension::kSize, Dimension::kAge})
    ->Unit(benchmark::kMillisecond);

void BM_SortBySize100(benchmark::State& state) {
  const Snapshot snapshot = *MillionTree(kHashed).Pin();
  for (auto _ : state) {
    Ranking ranking({SortKey::kSize, true}, 100, std::nullopt);
    ForEachMatch(snapshot, [&](auto path, const auto& row) { ranking.Add(path, row); });
    benchmark::DoNotOptimize(ranking.Take());
  }
}
BENCHMARK(BM_SortBySize100)->Unit(benchmark::kMillisecond);

void BM_Duplicates(benchmark::State& state, bool same_name) {
  const Snapshot snapshot = *MillionTree(kHashed).Pin();
  std::uint64_t groups = 0;
  for (auto _ : state) {
    DuplicateSearch search({.same_name = same_name, .files_expected = 1'000'000});
    for (int pass = 0; pass < DuplicateSearch::kPasses; ++pass) {
      ForEachMatch(snapshot, [&](auto path, const auto& row) { search.Add(path, row); });
      search.NextPass();
    }
    groups = search.group_count();
  }
  state.counters["groups"] = static_cast<double>(groups);
}
BENCHMARK_CAPTURE(BM_Duplicates, size_name, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Duplicates, size, false)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fustor::tree

BENCHMARK_MAIN();
