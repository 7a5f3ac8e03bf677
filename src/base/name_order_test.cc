#include "base/name_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "base/prng.h"

namespace fustor {
namespace {

// One sorter for all rounds: what it keeps from call to call must not show.
TEST(NameOrder, SortsLikeTheModelCallAfterCall) {
  constexpr std::uint64_t kSeed = 20250117;
  Prng prng(kSeed);
  NameOrder sorter;
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + " round " + std::to_string(round));
    const std::string prefix(prng.Below(12), 'p');
    std::vector<std::string> names(prng.Below(prng.Chance(1, 2) ? 40 : 400));
    for (std::string& name : names) {
      name = prefix;
      for (std::uint64_t n = prng.Below(14); n > 0; --n) {
        name += static_cast<char>(1 + prng.Below(prng.Chance(1, 3) ? 255 : 3));
      }
    }
    const std::vector<std::string_view> views(names.begin(), names.end());
    std::vector<std::uint32_t> model(names.size());
    std::iota(model.begin(), model.end(), 0);
    std::ranges::sort(model, {}, [&](std::uint32_t i) { return std::pair(views[i], i); });

    const auto order = sorter.Sort(views);
    if (order.empty()) {
      ASSERT_TRUE(std::ranges::is_sorted(views));
    } else {
      ASSERT_TRUE(std::ranges::equal(order, model));
    }
  }
}

TEST(NameOrder, SaysNothingOfWhatIsInOrder) {
  NameOrder sorter;
  EXPECT_TRUE(sorter.Sort({}).empty());
  const std::vector<std::string_view> sorted = {"a", "a", "aa", "b", "ba"};
  EXPECT_TRUE(sorter.Sort(sorted).empty());
  const std::vector<std::string_view> names = {"b", "a"};
  EXPECT_TRUE(std::ranges::equal(sorter.Sort(names), std::vector<std::uint32_t>{1, 0}));
}

}  // namespace
}  // namespace fustor
