#include "lib/tree/duplicates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "lib/tree/random_tree_testing.h"

namespace fustor::tree {
namespace {

using Key = std::tuple<std::int64_t, std::string, std::int64_t>;
using Naive = std::map<Key, std::vector<std::string>>;

Naive FindNaively(const RandomTree& world, const SearchQuery& query,
                  const DuplicateSearch::Options& options) {
  Naive groups;
  std::set<std::pair<Key, std::uint64_t>> seen;
  for (const auto& [path, entry] : world.entries) {
    const EntryAttrs& a = entry.attrs;
    if (!IsWithin(path, query.under) || a.kind != EntryKind::kFile || a.size_bytes <= 0) continue;
    const Key key{a.size_bytes, options.same_name ? std::string(SplitPath(path).second) : "",
                  options.same_mtime ? a.mtime_ns : 0};
    if (a.nlink > 1 && !seen.emplace(key, a.inode).second) continue;
    groups[key].push_back(path);
  }
  std::erase_if(groups, [](const auto& group) { return group.second.size() < 2; });
  return groups;
}

std::vector<DuplicateSearch::Group> Find(const RandomTree& world, const SearchQuery& query,
                                         DuplicateSearch* search) {
  const Snapshot snapshot = *world.tree.Pin();
  for (int pass = 0; pass < DuplicateSearch::kPasses; ++pass) {
    world.Visit(snapshot, query, [&](auto path, const auto& row) { search->Add(path, row); });
    search->NextPass();
  }
  return search->Take();
}

TEST(DuplicatesTest, AreThoseThatANaiveComparisonFinds) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const RandomTree world(seed, random.Below(500));
    SearchQuery query;
    DuplicateSearch::Options options;
    options.same_name = random.Chance(1, 2);
    options.same_mtime = random.Chance(1, 3);
    options.chosen_max = random.Chance(1, 2) ? 1000 : 1 + random.Below(5);
    options.files_expected = random.Below(1000);
    DuplicateSearch search(options);
    const auto groups = Find(world, query, &search);

    const Naive naive = FindNaively(world, query, options);
    std::uint64_t reclaimable = 0;
    std::vector<std::uint64_t> gains;
    for (const auto& [key, paths] : naive) {
      gains.push_back((paths.size() - 1) * static_cast<std::uint64_t>(std::get<0>(key)));
      reclaimable += gains.back();
    }
    std::ranges::sort(gains, std::greater<>());
    EXPECT_EQ(search.group_count(), naive.size());
    EXPECT_EQ(search.reclaimable_bytes(), reclaimable);
    EXPECT_FALSE(search.truncated());
    ASSERT_EQ(groups.size(), std::min(options.chosen_max, naive.size()));
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const auto& group = groups[i];
      EXPECT_EQ(group.reclaimable_bytes(), gains[i]) << "the most comes first";
      const auto at = naive.find({group.size_bytes, options.same_name ? group.name : "",
                                  options.same_mtime ? group.mtime_ns : 0});
      ASSERT_NE(at, naive.end());
      EXPECT_EQ(group.count, at->second.size());
      EXPECT_EQ(group.paths, std::vector<std::string>(
                                 at->second.begin(),
                                 at->second.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                          options.paths_max, at->second.size()))));
    }
  }
}

TEST(DuplicatesTest, SayWhenThereWasNoRoom) {
  const RandomTree world(3, 2000);
  DuplicateSearch::Options options;
  options.groups_max = 2;
  options.paths_max = 1;
  DuplicateSearch few(options);
  const auto groups = Find(world, {}, &few);
  EXPECT_LE(groups.size(), 2u);
  EXPECT_TRUE(few.truncated());
  for (const auto& group : groups) {
    EXPECT_EQ(group.paths.size(), 1u);
    EXPECT_GE(group.count, 2u);
  }
  options = {};
  options.inodes_max = 1;
  DuplicateSearch links(options);
  (void)Find(world, {}, &links);
  EXPECT_TRUE(links.truncated());
}

}  // namespace
}  // namespace fustor::tree
