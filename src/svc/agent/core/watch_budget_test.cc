#include "svc/agent/core/watch_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/prng.h"

namespace fustor::agent {
namespace {

using env::DirKey;

EntryAttrs At(std::int64_t changed_ns, std::uint64_t device = 1) {
  EntryAttrs self;
  self.kind = EntryKind::kDirectory;
  self.mtime_ns = self.ctime_ns = changed_ns;
  self.device = device;
  return self;
}

TEST(WatchBudget, TheOldestGivesWay) {
  WatchBudget budget;
  budget.Watched(DirKey{1}, At(30));
  budget.Watched(DirKey{2}, At(10));
  budget.Watched(DirKey{3}, At(20));
  EXPECT_EQ(budget.Displace(At(10)), std::nullopt) << "no older one";
  EXPECT_EQ(budget.Displace(At(11)), DirKey{2});
  EXPECT_EQ(budget.Displace(At(15)), std::nullopt);
  budget.Changed(DirKey{3}, At(40));
  EXPECT_EQ(budget.Displace(At(35)), DirKey{1}) << "the other one has changed since";
  budget.Ended(DirKey{3});
  EXPECT_EQ(budget.Displace(At(100)), std::nullopt) << "nothing is watched";
  EXPECT_EQ(budget.watched(), 0u);
}

TEST(WatchBudget, TimesThatAnybodyCanSetDoNotCount) {
  WatchBudget budget;
  EntryAttrs future = At(10);
  future.mtime_ns = std::numeric_limits<std::int64_t>::max();
  budget.Watched(DirKey{1}, future);
  EXPECT_EQ(budget.Displace(At(11)), DirKey{1});
  budget.Watched(DirKey{2}, At(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(budget.watched(), 1u);
  EXPECT_EQ(budget.Displace(At(0)), DirKey{2});
}

TEST(WatchBudget, FileSystemsDoNotCompete) {
  WatchBudget budget;
  budget.Watched(DirKey{1}, At(10, 1));
  budget.Watched(DirKey{2}, At(20, 2));
  EXPECT_EQ(budget.Displace(At(30, 2)), DirKey{2});
  EXPECT_EQ(budget.Displace(At(30, 2)), std::nullopt);
  EXPECT_EQ(budget.Displace(At(30, 1)), DirKey{1});
}

// Against a map, whatever happens in whatever order.
TEST(WatchBudget, AgreesWithAMap) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    WatchBudget budget;
    std::map<std::uint32_t, std::int64_t> model;
    for (int step = 0; step < 500; ++step) {
      const auto key = static_cast<std::uint32_t>(1 + prng.Below(20));
      const std::int64_t when = prng.Between(-50, 50);
      switch (prng.Below(5)) {
        case 0:
        case 1:
          budget.Watched(DirKey{key}, At(when));
          model[key] = when;
          break;
        case 2:
          budget.Changed(DirKey{key}, At(when));
          if (model.contains(key)) model[key] = when;
          break;
        case 3:
          budget.Ended(DirKey{key});
          model.erase(key);
          break;
        default: {
          const auto oldest = std::ranges::min_element(
              model, {}, [](const auto& one) { return std::pair(one.second, one.first); });
          const bool gives = oldest != model.end() && oldest->second < when;
          const std::optional<DirKey> given = budget.Displace(At(when));
          ASSERT_EQ(given.has_value(), gives);
          if (!gives) break;
          // Those that have changed at the same time are alike.
          ASSERT_EQ(model.at(given->value), oldest->second);
          model.erase(given->value);
        }
      }
      ASSERT_EQ(budget.watched(), model.size());
    }
  }
}

}  // namespace
}  // namespace fustor::agent
