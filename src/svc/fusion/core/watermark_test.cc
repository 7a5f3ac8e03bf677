#include "svc/fusion/core/watermark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"

namespace fustor::fusion {
namespace {

constexpr WallTime At(std::int64_t seconds, std::int64_t nanos = 0) {
  return WallTime::FromParts(seconds, nanos);
}

TEST(Watermark, IsFusionTimeBeforeAnythingWasSeen) { EXPECT_EQ(Watermark().At(At(100)), At(100)); }

TEST(Watermark, IsNotMovedByTheFutureAndThePast) {
  Watermark watermark;
  watermark.Sample({INT64_MAX}, At(1000));
  watermark.Sample({INT64_MIN}, At(1000));
  watermark.Sample(At(0), At(1000));
  for (int i = 0; i < 2; ++i) watermark.Sample(At(994, 500'000'000), At(1000));  // 5.5 s.
  EXPECT_EQ(watermark.At(At(2000)), At(1995));
}

TEST(Watermark, FractionsGoTowardsThePastOfTheSkew) {
  Watermark behind;
  behind.Sample(At(1000, 900'000'000), At(1000));  // -0.9 s: the file system's clock is ahead.
  EXPECT_EQ(behind.At(At(2000)), At(2001));
}

TEST(Watermark, OfEqualCountsTheSkewNearestToZeroWins) {
  const struct {
    std::vector<std::int64_t> skews;
    std::int64_t want;
  } cases[] = {{{7, 3}, 3}, {{3, 7}, 3}, {{-7, 3}, 3}, {{-3, 7}, -3}, {{-3, 3}, 3}, {{0, -1}, 0}};
  for (const auto& c : cases) {
    Watermark watermark;
    for (const std::int64_t skew : c.skews) watermark.Sample(At(1000 - skew), At(1000));
    EXPECT_EQ(watermark.At(At(5000)), At(5000 - c.want)) << c.skews[0] << " " << c.skews[1];
  }
}

TEST(Watermark, FollowsAWindowAsARecountDoes) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    const std::size_t window = 1 + prng.Below(20);
    Watermark watermark({.samples_max = window});
    std::deque<std::int64_t> last;
    for (int step = 0; step < 300; ++step) {
      const std::int64_t skew = prng.Between(-3, 3);
      watermark.Sample(At(1000 - skew), At(1000));
      last.push_back(skew);
      if (last.size() > window) last.pop_front();
      ASSERT_EQ(watermark.samples(), last.size());
      std::map<std::int64_t, int> counts;
      for (const std::int64_t s : last) ++counts[s];
      std::int64_t best = 0;
      int most = 0;
      for (const std::int64_t s : {0, 1, -1, 2, -2, 3, -3}) {
        if (counts[s] > most) {
          most = counts[s];
          best = s;
        }
      }
      ASSERT_EQ(watermark.At(At(1000)), At(1000 - best));
    }
  }
}

}  // namespace
}  // namespace fustor::fusion
