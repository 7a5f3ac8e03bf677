#include "env/signal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "env/hand_driven_testing.h"
#include "env/random.h"
#include "env/task_group.h"

namespace fustor::env {
namespace {

using Log = std::vector<std::string>;

Task<void> Wait(Signal* signal, Instant deadline, std::stop_token stop, Log* log) {
  const Status woken = co_await signal->Wait(deadline, stop);
  log->emplace_back(CodeName(woken.code()));
}

class SignalTest : public testing::Test {
 protected:
  void Start(Instant deadline = Instant::Max()) {
    group_.Spawn(Wait(&signal_, deadline, group_.stop_token(), &log_));
    executor_.RunAll();
  }

  HandDrivenExecutor executor_;
  Signal signal_;
  Log log_;
  TaskGroup group_{executor_};
};

TEST_F(SignalTest, StaysUpUntilAWaitHasSeenIt) {
  signal_.Set();
  signal_.Set();
  Start();
  EXPECT_EQ(log_, Log{"OK"});
  Start();
  EXPECT_EQ(log_, Log{"OK"}) << "one wait takes the flag down";
  signal_.Set();
  executor_.RunAll();
  EXPECT_EQ(log_, (Log{"OK", "OK"}));
}

TEST_F(SignalTest, EndsAtTheDeadline) {
  Start(executor_.Now() + Millis(5));
  executor_.Advance(Millis(4));
  EXPECT_TRUE(log_.empty());
  executor_.Advance(Millis(1));
  EXPECT_EQ(log_, Log{"DEADLINE_EXCEEDED"});
}

TEST_F(SignalTest, ASignalBeforeTheDeadlineTakesTheTimerAway) {
  Start(executor_.Now() + Millis(5));
  signal_.Set();
  executor_.RunAll();
  EXPECT_EQ(log_, Log{"OK"});
  EXPECT_EQ(executor_.timers(), 0u);
}

TEST_F(SignalTest, IsNotLostWhenItComesWithTheDeadline) {
  Start(executor_.Now() + Millis(5));
  executor_.PostAt(executor_.Now() + Millis(5), [this] { signal_.Set(); });
  executor_.Advance(Millis(5));
  Start(executor_.Now());
  executor_.Advance(Millis(1));
  EXPECT_EQ(std::ranges::count(log_, "OK"), 1);
}

TEST_F(SignalTest, EndsWhenStopped) {
  Start();
  group_.RequestStop();
  executor_.RunAll();
  EXPECT_EQ(log_, Log{"CANCELLED"});
  Start();
  EXPECT_EQ(log_, (Log{"CANCELLED", "CANCELLED"}));
  signal_.Set();
  Start();
  EXPECT_EQ(log_.back(), "OK") << "what was set is told even after a stop";
}

TEST(Random, HexIsTwoDigitsAByte) {
  struct Counting : Random {
    void Fill(std::span<std::byte> out) override {
      for (std::byte& b : out) b = std::byte{next++};
    }
    std::uint8_t next = 0xFE;
  } random;
  EXPECT_EQ(random.Hex(4), "feff0001");
  EXPECT_EQ(random.Next(), 0x0908070605040302ull);
}

}  // namespace
}  // namespace fustor::env
