#include "adapters/posix/child.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>

#include "adapters/posix/temp_tree.h"

namespace fustor::posix {
namespace {

int Wait(Child* child) {
  for (;;) {
    if (const auto ended = child->Ended()) return *ended;
    siginfo_t any{};
    waitid(P_ALL, 0, &any, WEXITED | WNOWAIT);
  }
}

int StatusOf(const std::string& script) {
  Result<Child> child = Child::Start({"/bin/sh", "-c", script});
  return child.ok() ? Wait(&*child) : -1;
}

TEST(Child, TellsHowItEnded) {
  EXPECT_EQ(StatusOf("exit 0"), 0);
  EXPECT_EQ(StatusOf("exit 7"), 7);
  EXPECT_EQ(StatusOf("kill -9 $$"), 128 + 9);
  Result<Child> child = Child::Start({"/bin/sh", "-c", "exit 3"});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(Wait(&*child), 3);
  EXPECT_EQ(child->Ended(), 3) << "and again";
}

TEST(Child, HasASessionOfItsOwnNoInputAndNoBlockedSignals) {
  const TempTree tree;
  const std::string file = tree.path() + "/out";
  Result<Child> child = Child::Start({"/bin/sh", "-c", R"(read -r line && exit 9
        { echo "$$ $1"; grep SigBlk /proc/self/status; } > "$0")",
                                      file, "1.2; touch never"});
  ASSERT_TRUE(child.ok());
  ASSERT_EQ(Wait(&*child), 0);
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  EXPECT_NE(text.str().find(" 1.2; touch never\n"), std::string::npos) << "as one argument";
  EXPECT_NE(text.str().find("SigBlk:\t0000000000000000"), std::string::npos) << text.str();
}

TEST(Child, WhatCannotBeStartedIsSaidWithItsName) {
  const Result<Child> child = Child::Start({"/no/such/program"});
  ASSERT_FALSE(child.ok());
  EXPECT_EQ(child.status().code(), Code::kNotFound);
  EXPECT_NE(child.status().message().find("/no/such/program"), std::string::npos);
}

}  // namespace
}  // namespace fustor::posix
