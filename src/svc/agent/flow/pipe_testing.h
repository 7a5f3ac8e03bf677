// pipe_testing.h: one pipe over a toy tree and a toy Fusion, driven by hand on two executors.
#pragma once

#include <gtest/gtest.h>

#include <optional>

#include "env/hand_driven_testing.h"
#include "svc/agent/flow/fakes_testing.h"
#include "svc/agent/flow/pipe.h"

namespace fustor::agent {

inline Pipe::Options OptionsOf(std::uint64_t seed) {
  Pipe::Options options;
  options.task_id = "agent:pipe";
  options.agent_id = "agent";
  options.source_uri = "/data";
  options.seed = seed;
  return options;
}

class PipeTest : public testing::Test {
 protected:
  explicit PipeTest(std::uint64_t seed = 1) {
    tree_.Put("a", 1);
    tree_.Put("b", 2);
    pipe_.emplace(OptionsOf(seed), data_, control_, source_, link_, Logger());
    source_.Start();
  }
  ~PipeTest() override { Stop(); }

  void Start() {
    pipe_->Start();
    Run();
  }
  void Stop() {
    if (!pipe_) return;
    bool stopped = false;
    stoppers_.Spawn(StopAll(&stopped));
    Run();
    for (int i = 0; i < 100 && !stopped; ++i) Advance(Millis(100));
    ASSERT_TRUE(stopped);
    pipe_.reset();
  }
  env::Task<void> StopAll(bool* stopped) {
    co_await pipe_->Stop();
    co_await source_.Stop();
    *stopped = true;
  }

  void Run() {
    while (data_.queued() + control_.queued() != 0) {
      data_.RunOne();
      control_.RunOne();
    }
  }
  void Advance(Nanos time) {
    constexpr Nanos kStep = Millis(50);
    for (Nanos passed{0}; passed < time; passed += kStep) {
      data_.Advance(kStep);
      control_.Advance(kStep);
      Run();
    }
  }
  void AdvanceControlOnly(Nanos time) { control_.Advance(time); }
  FakeLink::Wire& stream() { return *link_.streams.back(); }

  env::HandDrivenExecutor data_;
  env::HandDrivenExecutor control_;
  FakeTree tree_;
  FakeLink link_;
  Source source_{{}, data_, tree_, Logger()};
  env::TaskGroup stoppers_{data_};
  std::optional<Pipe> pipe_;
};

}  // namespace fustor::agent
