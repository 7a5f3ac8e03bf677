#include "lib/tree/directory_ranking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "lib/tree/random_tree_testing.h"

namespace fustor::tree {
namespace {

using Kind = DirectoryRanking::Kind;

std::int64_t ValueOf(Measure measure, const Aggregates& sums) {
  return measure == Measure::kSize        ? static_cast<std::int64_t>(sums.bytes)
         : measure == Measure::kAllocated ? static_cast<std::int64_t>(sums.allocated_bytes)
         : measure == Measure::kFiles     ? static_cast<std::int64_t>(sums.files)
                                          : sums.latest_mtime_ns;
}

std::map<std::string, std::int64_t> Below(const RandomTree& world, const Snapshot& snapshot,
                                          Measure measure) {
  std::map<std::string, std::int64_t> values;
  for (const auto& [path, entry] : world.entries) {
    if (!entry.attrs.is_directory()) continue;
    values[path] = ValueOf(measure, snapshot.AggregatesOf(snapshot.Find(path)->dir));
  }
  std::map<std::string, std::int64_t> kept = values;
  for (const auto& [path, value] : values) {
    const auto around = values.find(std::string(SplitPath(path).first));
    if (around == values.end()) continue;
    const bool most = measure == Measure::kMtime
                          ? value == around->second
                          : value > 0 && value >= around->second - around->second / 10;
    if (most) kept.erase(around->first);
  }
  return kept;
}

std::map<std::string, std::int64_t> Own(const RandomTree& world, Measure measure) {
  std::map<std::string, std::int64_t> values;
  std::set<std::uint64_t> seen;
  for (const auto& [path, entry] : world.entries) {
    const EntryAttrs& a = entry.attrs;
    if (a.is_directory()) continue;
    const bool first = a.nlink < 2 || seen.insert(a.inode).second;
    std::int64_t& value = values[std::string(SplitPath(path).first)];
    if (measure == Measure::kSize && first) value += a.size_bytes;
    if (measure == Measure::kAllocated && first) value += a.allocated_bytes;
    if (measure == Measure::kFiles) ++value;
    if (measure == Measure::kMtime) value = std::max(value, a.mtime_ns);
  }
  return values;
}

TEST(DirectoryRankingTest, AgreesWithANaiveOne) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const RandomTree world(seed, random.Below(300));
    const Snapshot snapshot = *world.tree.Pin();
    DirectoryRanking::Options options;
    options.measure = static_cast<Measure>(random.Below(4));
    options.kind = random.Chance(1, 2) ? Kind::kBelow : Kind::kOwn;
    options.count_max = 1 + random.Below(20);
    SearchQuery query;
    if (options.kind == Kind::kOwn) query.directories = false;
    DirectoryRanking ranking(options);
    world.Visit(snapshot, query,
                [&](auto path, const auto& row) { ranking.Add(path, row, snapshot); });

    const auto naive = options.kind == Kind::kOwn ? Own(world, options.measure)
                                                  : Below(world, snapshot, options.measure);
    std::vector<std::pair<std::string, std::int64_t>> all(naive.begin(), naive.end());
    std::ranges::sort(all, [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : PathLess(a.first, b.first);
    });
    const bool more = all.size() > options.count_max;
    if (more) all.resize(options.count_max);
    std::vector<std::pair<std::string, std::int64_t>> got;
    for (const Rank& rank : ranking.Take()) got.emplace_back(rank.path, rank.value);
    EXPECT_EQ(got, all);
    EXPECT_EQ(ranking.more(), more);
  }
}

TEST(DirectoryRankingTest, ThoseOnTheWayAreLeftOut) {
  Tree tree;
  const auto put = [&](const std::string& path, std::int64_t size) {
    Entry entry;
    entry.attrs.size_bytes = size;
    const auto [directory, name] = SplitPath(path);
    tree.Put(tree.EnsureDirectory(directory), name, entry);
  };
  put("/srv/data/big/f", 950);
  put("/srv/data/small/f", 50);
  put("/srv/etc/f", 200);
  tree.Publish();
  const Snapshot snapshot = *tree.Pin();
  DirectoryRanking ranking({.count_max = 10});
  SearchQuery query;
  Search(snapshot, query, "", UINT64_MAX, [&](std::string_view path, const auto& row) {
    ranking.Add(path, row, snapshot);
    return true;
  });
  std::vector<std::string> paths;
  for (const Rank& rank : ranking.Take()) paths.push_back(rank.path);
  EXPECT_EQ(paths,
            (std::vector<std::string>{"/srv", "/srv/data/big", "/srv/etc", "/srv/data/small"}));
}

}  // namespace
}  // namespace fustor::tree
