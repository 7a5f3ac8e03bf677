#include "base/entry.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"

namespace fustor {
namespace {

std::string RandomName(Prng& random, std::string_view prefix) {
  std::string name(prefix);
  for (std::uint64_t n = random.Below(12); n > 0; --n) {
    name += static_cast<char>(random.Chance(1, 2) ? 'a' + random.Below(2) : random.Below(256));
  }
  return name;
}

TEST(EntryList, SortsAsStdSortDoes) {
  constexpr std::string_view kPrefixes[] = {"", "f", "file_000000", "file_0000000000000000"};
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const std::string_view prefix = kPrefixes[random.Below(4)];
    EntryList list;
    std::vector<std::pair<std::string, std::int64_t>> model;
    for (std::uint64_t n = random.Below(40); n > 0; --n) {
      const std::string name = RandomName(random, prefix);
      const auto found = [&](const auto& row) { return row.first == name; };
      if (std::ranges::any_of(model, found)) continue;
      const std::int64_t size = random.Between(0, 1 << 20);
      list.Append(name, {.size_bytes = size}, "to " + name);
      model.emplace_back(name, size);
    }
    list.SortByName();
    std::ranges::sort(model);
    ASSERT_EQ(list.size(), model.size());
    for (std::size_t i = 0; i < model.size(); ++i) {
      ASSERT_EQ(list.name(i), model[i].first);
      ASSERT_EQ(list.attrs(i).size_bytes, model[i].second);
      ASSERT_EQ(list.target(i), "to " + model[i].first);
      ASSERT_EQ(list.FindSorted(model[i].first), i);
    }
    const std::string other = RandomName(random, "not there ");
    EXPECT_EQ(list.FindSorted(other), list.size());
  }
}

TEST(EntryList, EraseKeepsTheOthersInOrder) {
  EntryList list;
  for (const char* name : {"a", "b", "c"}) list.Append(name, {});
  list.Erase(1);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list.name(0), "a");
  EXPECT_EQ(list.name(1), "c");
  EXPECT_GT(list.size_bytes(), 0u);
  list.Clear();
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.size_bytes(), 0u);
}

TEST(EntryList, HoldsTheLongestNames) {
  EntryList list;
  const std::string target(4095, 't');
  list.Append(std::string(255, 'n'), {.kind = EntryKind::kSymlink}, target);
  EXPECT_EQ(list.name(0), std::string(255, 'n'));
  EXPECT_EQ(list.target(0), target);
}

}  // namespace
}  // namespace fustor
