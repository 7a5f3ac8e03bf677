#include "lib/tree/ranking.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/tree/random_tree_testing.h"

namespace fustor::tree {
namespace {

std::int64_t ValueOf(SortKey key, const EntryAttrs& a) {
  return key == SortKey::kSize        ? a.size_bytes
         : key == SortKey::kAllocated ? a.allocated_bytes
         : key == SortKey::kMtime     ? a.mtime_ns
         : key == SortKey::kCtime     ? a.ctime_ns
         : key == SortKey::kAtime     ? a.atime_ns
                                      : 0;
}

// Everything in the order asked for, equals by path.
std::vector<std::string> Naive(const RandomTree& world, const SortOrder& order) {
  std::vector<std::pair<std::string, EntryAttrs>> all;
  for (const auto& [path, entry] : world.entries) all.emplace_back(path, entry.attrs);
  const auto less = [&](const auto& a, const auto& b) {
    if (order.key == SortKey::kPath) return PathLess(a.first, b.first);
    if (order.key == SortKey::kName) return SplitPath(a.first).second < SplitPath(b.first).second;
    return ValueOf(order.key, a.second) < ValueOf(order.key, b.second);
  };
  std::ranges::sort(all, [&](const auto& a, const auto& b) {
    const auto& first = order.descending ? b : a;
    const auto& second = order.descending ? a : b;
    if (less(first, second)) return true;
    return !less(second, first) && PathLess(a.first, b.first);
  });
  std::vector<std::string> paths;
  for (const auto& [path, attrs] : all) paths.push_back(path);
  return paths;
}

TEST(RankingTest, PagesOfAnyOrderAreWhatASortOfEverythingGives) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const RandomTree world(seed, random.Below(300));
    const Snapshot snapshot = *world.tree.Pin();
    const SortOrder order{static_cast<SortKey>(random.Below(7)), random.Chance(1, 2)};
    const std::uint64_t limit = 1 + random.Below(50);
    SearchQuery query;
    std::vector<std::string> got;
    std::optional<Rank> after;
    for (bool more = true; more;) {
      Ranking ranking(order, limit, after);
      world.Visit(snapshot, query, [&](auto path, const auto& row) { ranking.Add(path, row); });
      more = ranking.more();
      const std::vector<Rank> page = ranking.Take();
      ASSERT_TRUE(page.size() == limit || !more);
      for (const Rank& rank : page) got.push_back(rank.path);
      if (!page.empty()) after = page.back();
    }
    EXPECT_EQ(got, Naive(world, order));
  }
}

TEST(RankingTest, AChangeBetweenPagesMovesNothingElse) {
  // A cursor is a value and a path: what is there all the time comes once, whatever comes and goes.
  const SortOrder order{SortKey::kSize, true};
  Ranking first(order, 2, std::nullopt);
  for (const char* path : {"/a", "/b", "/c", "/d"}) first.AddValue(path, 10);
  const std::vector<Rank> page = first.Take();
  ASSERT_EQ(page.size(), 2u);
  Ranking second(order, 10, page.back());
  for (const char* path : {"/0", "/a", "/c", "/d"}) second.AddValue(path, 10);
  second.AddValue("/new", 11);
  second.AddValue("/small", 9);
  std::vector<std::string> paths;
  for (const Rank& rank : second.Take()) paths.push_back(rank.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"/c", "/d", "/small"}));
}

}  // namespace
}  // namespace fustor::tree
