#include "lib/batch/session.h"

#include <gtest/gtest.h>

#include <limits>

namespace fustor::batch {
namespace {

TEST(Session, DurationsSurviveAsSeconds) {
  for (const Nanos d : {Nanos(0), Nanos(1), Nanos(Millis(1)), Nanos(Millis(12'345)),
                        Nanos(Seconds(99 * 86'400)) + Millis(999)}) {
    const Result<Nanos> back = FromSeconds(ToSeconds(d));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, d);
  }
}

TEST(Session, WhatIsNoDurationIsRefused) {
  for (const double s : {-0.001, 1e300, std::numeric_limits<double>::infinity(),
                         std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(FromSeconds(s).status().code(), Code::kInvalidArgument) << s;
  }
}

TEST(Session, RolesHaveNames) {
  for (const Role role : {Role::kLeader, Role::kFollower}) {
    const Result<Role> back = ParseRole(RoleName(role));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, role);
  }
  EXPECT_EQ(ParseRole("Leader").status().code(), Code::kInvalidArgument);
}

TEST(Session, AVersionIsNeitherAnOptionNorAPath) {
  for (const std::string& text : {std::string("1"), std::string("2.14.0-1~deb12u1"),
                                  std::string("1:3+git_abc"), std::string(64, '9')}) {
    EXPECT_TRUE(IsVersion(text)) << text;
  }
  for (const std::string text :
       {"", "-1", "--help", "1/2", "1 2", "1;id", "$(id)", "1\n", "\xC3\xA4"}) {
    EXPECT_FALSE(IsVersion(text)) << text;
  }
  EXPECT_FALSE(IsVersion(std::string(65, '9')));
}

}  // namespace
}  // namespace fustor::batch
