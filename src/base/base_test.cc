// Tests of the small headers: result, time, prng, id, metrics.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <unordered_set>

#include "base/id.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/prng.h"
#include "base/result.h"
#include "base/time.h"

namespace fustor {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Status(Code::kInvalidArgument, "odd");
  return n / 2;
}

Result<int> Quarter(int n) {
  FUSTOR_TRY_ASSIGN(const int half, Half(n));
  FUSTOR_TRY_ASSIGN(const int quarter, Half(half));
  return quarter;
}

Status BothHalve(int a, int b) {
  FUSTOR_TRY(Half(a));
  FUSTOR_TRY(Half(b).status().Within("second"));
  return Status();
}

Result<std::unique_ptr<int>> Boxed(int n) {
  FUSTOR_TRY(BothHalve(n, n));
  return std::make_unique<int>(n);
}

TEST(Result, CarriesTheFirstFailureThroughTry) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).status(), Status(Code::kInvalidArgument, "odd"));
  EXPECT_EQ(BothHalve(2, 3).ToString(), "INVALID_ARGUMENT: second: odd");
  EXPECT_TRUE(BothHalve(2, 4).ok());
  EXPECT_EQ(**Boxed(2), 2);
  EXPECT_EQ(Half(1).value_or(9), 9);
  EXPECT_EQ(Result<void>().status().ToString(), "OK");
  EXPECT_EQ(Status().Within("x").ToString(), "OK");
}

TEST(Result, NamesCodesAsGrpcDoes) {
  EXPECT_EQ(CodeName(Code::kFailedPrecondition), "FAILED_PRECONDITION");
  EXPECT_EQ(CodeName(Code::kUnauthenticated), "UNAUTHENTICATED");
  EXPECT_EQ(static_cast<int>(Code::kUnauthenticated), 16);
}

TEST(ResultDeathTest, MisuseStops) {
  EXPECT_DEATH((void)Half(1).value(), "odd");
  EXPECT_DEATH((void)Status(Code::kOk, "x"), "check failed");
  EXPECT_DEATH((void)Result<int>(Status()), "check failed");
}

TEST(Time, FormatsUtcOnBothSidesOfTheEpoch) {
  EXPECT_EQ(FormatUtc({0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatUtc({1'000'000'000'123'456'789}), "2001-09-09T01:46:40.123Z");
  EXPECT_EQ(FormatUtc({-1}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatUtc({std::numeric_limits<std::int64_t>::min()}), "1677-09-21T00:12:43.145Z");
}

TEST(Time, ClampsWhatLiesOutsideOfTheRange) {
  EXPECT_EQ(WallTime::FromParts(1, 5).ns, 1'000'000'005);
  EXPECT_EQ(WallTime::FromParts(-1, 5).ns, -999'999'995);
  EXPECT_EQ(WallTime::FromParts(std::int64_t{1} << 40, 0).ns,
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(WallTime::FromParts(-(std::int64_t{1} << 40), 0).ns,
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(WallTime::FromParts(9'223'372'035, 999'999'999).ns, 9'223'372'035'999'999'999);
}

TEST(Time, InstantsAndDurationsDoNotMix) {
  const Instant t = Instant{5} + Millis(1);
  EXPECT_EQ(t.ns, 1'000'005);
  EXPECT_EQ(t - Instant{5}, Millis(1));
  EXPECT_LT(t, Instant::Max());
}

// First numbers of xoshiro256** seeded with 0 by SplitMix64, as other implementations give them.
TEST(Prng, GivesTheNumbersThatAreKnown) {
  Prng random(0);
  EXPECT_EQ(random.Next(), 0x99EC5F36CB75F2B4ull);
  EXPECT_EQ(random.Next(), 0xBF6E1F784956452Aull);
  EXPECT_EQ(random.Next(), 0x1A5F849D4933E6E0ull);
}

TEST(Prng, StaysWithinItsBoundsAndReachesThem) {
  Prng random(5);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7'000; ++i) ++seen[static_cast<std::size_t>(random.Between(-3, 3) + 3)];
  for (const int n : seen) EXPECT_NEAR(n, 1'000, 150);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.Below(1), 0u);
  EXPECT_TRUE(random.Chance(1, 1));
  EXPECT_FALSE(random.Chance(0, 1));
}

TEST(Id, ComparesHashesAndDoesNotMix) {
  using A = Id<struct ATag>;
  using B = Id<struct BTag>;
  static_assert(!std::is_convertible_v<A, B> && !std::is_convertible_v<std::uint64_t, B>);
  EXPECT_LT(A{1}, A{2});
  EXPECT_EQ(A{}, A{0});
  std::unordered_set<A> set;
  for (std::uint64_t i = 0; i < 100; ++i) set.insert(A{i});
  EXPECT_EQ(set.size(), 100u);
  EXPECT_TRUE(set.contains(A{42}));
}

TEST(Histogram, PutsDurationsIntoPowersOfFour) {
  Histogram histogram;
  for (const std::int64_t ns : {0, 16'000, 16'001, 64'000, 64'001}) histogram.Observe(ns);
  histogram.Observe(3'600'000'000'000);
  EXPECT_EQ(histogram.count(0), 2u);
  EXPECT_EQ(histogram.count(1), 2u);
  EXPECT_EQ(histogram.count(2), 1u);
  EXPECT_EQ(histogram.count(Histogram::kBuckets - 1), 1u);
  EXPECT_DOUBLE_EQ(Histogram::BoundSeconds(1), 64e-6);
  EXPECT_NEAR(histogram.sum_seconds(), 3600.00016, 1e-5);
}

TEST(Logger, PassesSentenceAndFieldsToTheSink) {
  struct Sink : LogSink {
    void Write(LogLevel level, std::string_view component, std::string_view sentence,
               std::initializer_list<LogField> fields) override {
      text = std::string(component) + ":" + std::string(sentence);
      lowest = level;
      count = fields.size();
      first = std::get<std::int64_t>(fields.begin()->value);
    }
    std::string text;
    LogLevel lowest{};
    std::size_t count = 0;
    std::int64_t first = 0;
  } sink;
  Logger().Error("dropped");
  Logger(sink, "agent").Warn("watch lost", {{"dirs", 7}, {"path", "/x"}});
  EXPECT_EQ(sink.text, "agent:watch lost");
  EXPECT_EQ(sink.lowest, LogLevel::kWarn);
  EXPECT_EQ(sink.count, 2u);
  EXPECT_EQ(sink.first, 7);
}

}  // namespace
}  // namespace fustor
