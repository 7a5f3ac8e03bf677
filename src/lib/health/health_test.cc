#include "lib/health/health.h"

#include <gtest/gtest.h>

namespace fustor::health {
namespace {

constexpr WallTime kStart{0};
constexpr WallTime kLater{1'000'000'000};

Health Example() {
  Health health("fusion", "0.1.0");
  health.Add("views", Matters::kReady, kStart);
  health.Add("loop", Matters::kLive, kStart);
  health.Add("disk", Matters::kInforms, kStart);
  return health;
}

TEST(Health, IsAliveButNotReadyWhileItStarts) {
  const Health health = Example();
  EXPECT_TRUE(health.live());
  EXPECT_FALSE(health.ready());
  EXPECT_EQ(health.ReadyJson(),
            R"({"ready":false,"waiting_for":[{"component":"views","reason":"starting"},)"
            R"({"component":"loop","reason":"starting"}]})");
}

TEST(Health, EachComponentMattersAsItWasAdded) {
  struct Case {
    const char* failed;
    State state;
    bool live;
    bool ready;
    State overall;
  };
  const Case cases[] = {
      {"disk", State::kOk, true, true, State::kOk},
      {"disk", State::kDegraded, true, true, State::kDegraded},
      {"disk", State::kFailed, true, true, State::kDegraded},
      {"views", State::kDegraded, true, true, State::kDegraded},
      {"views", State::kFailed, true, false, State::kFailed},
      {"loop", State::kFailed, false, false, State::kFailed},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.failed) + " " + std::string(StateName(c.state)));
    Health health = Example();
    for (const char* name : {"views", "loop", "disk"}) health.Set(name, State::kOk, "", kLater);
    health.Set(c.failed, c.state, "because", kLater);
    EXPECT_EQ(health.live(), c.live);
    EXPECT_EQ(health.ready(), c.ready);
    EXPECT_EQ(health.overall(), c.overall);
  }
}

TEST(Health, SaysSinceWhenAndWhy) {
  Health health("agent", "0.1.0");
  health.Add("watch", Matters::kInforms, kStart);
  EXPECT_TRUE(health.Set("watch", State::kDegraded, "no watches left", kLater));
  EXPECT_FALSE(health.Set("watch", State::kDegraded, "still none", kLater + Seconds(9)));
  EXPECT_EQ(health.HealthJson(),
            R"({"status":"degraded","live":true,"ready":true,"service":"agent","version":"0.1.0",)"
            R"("components":{"watch":{"status":"degraded","reason":"still none",)"
            R"("since":"1970-01-01T00:00:01.000Z"}}})");
  EXPECT_TRUE(health.Set("watch", State::kOk, "ignored", kLater));
  EXPECT_EQ(health.HealthJson().find("ignored"), std::string::npos);
  EXPECT_EQ(health.ReadyJson(), R"({"ready":true,"waiting_for":[]})");
}

TEST(HealthDeathTest, UnknownAndRepeatedNamesStop) {
  Health health = Example();
  EXPECT_DEATH(health.Add("views", Matters::kReady, kStart), "views");
  EXPECT_DEATH(health.Set("vews", State::kOk, "", kStart), "vews");
}

}  // namespace
}  // namespace fustor::health
