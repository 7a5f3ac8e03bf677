// A Fusion that is away for an hour of virtual time, while files change all the time.
#include <gtest/gtest.h>

#include <set>

#include "env/hand_driven_testing.h"
#include "svc/agent/flow/fakes_testing.h"
#include "svc/agent/flow/pipe.h"

namespace fustor::agent {
namespace {

constexpr int kChangesPerSecond = 40;
constexpr Nanos kOutage = Seconds(3600);
constexpr std::size_t kRealtimeBytesMax = 1 << 20;
constexpr std::size_t kListingBytesMax = 24 << 20;  // Of all names of the hour.

class Outage : public testing::Test {
 protected:
  Outage() { source_.Start(); }
  ~Outage() override {
    bool stopped = false;
    stoppers_.Spawn(StopAll(&stopped));
    for (int i = 0; i < 100 && !stopped; ++i) Advance(Millis(100));
    EXPECT_TRUE(stopped);
  }
  env::Task<void> StopAll(bool* stopped) {
    co_await pipe_.Stop();
    co_await source_.Stop();
    *stopped = true;
  }
  void Advance(Nanos time) {
    constexpr Nanos kStep = Millis(100);
    for (Nanos passed{0}; passed < time; passed += kStep) {
      data_.Advance(kStep);
      control_.Advance(kStep);
      while (data_.queued() + control_.queued() != 0) {
        data_.RunOne();
        control_.RunOne();
      }
    }
  }
  static Source::Options SmallBus() {
    Source::Options options;
    options.bus.realtime_bytes_max = kRealtimeBytesMax;
    return options;
  }
  static Pipe::Options AnyPipe() {
    Pipe::Options options;
    options.task_id = "agent:pipe";
    options.agent_id = "agent";
    options.source_uri = "/data";
    return options;
  }

  env::HandDrivenExecutor data_;
  env::HandDrivenExecutor control_;
  FakeTree tree_;
  FakeLink link_;
  Source source_{SmallBus(), data_, tree_, Logger()};
  env::TaskGroup stoppers_{data_};
  Pipe pipe_{AnyPipe(), data_, control_, source_, link_, Logger()};
};

TEST_F(Outage, AnHourIsBoundedInMemoryAndNothingIsLostThatAScanCanFind) {
  pipe_.Start();
  Advance(Seconds(1));
  ASSERT_TRUE(pipe_.state().connected);
  link_.open_status = link_.beat_status = link_.report_status =
      Status(Code::kUnavailable, "connection refused");
  link_.streams.back()->Break(link_.open_status);
  const std::size_t sessions_before = link_.requests.size();
  const int streams_before = link_.reports;

  std::set<std::string> names;
  std::size_t most = 0;
  for (Nanos passed{0}; passed < kOutage; passed += Seconds(1)) {
    for (int i = 0; i < kChangesPerSecond; ++i) {
      names.insert("f" + std::to_string(names.size()));
      tree_.Put("f" + std::to_string(names.size() - 1), 1);
    }
    Advance(Seconds(1));
    most = std::max(most, pipe_.reader().waiting_bytes());
  }
  EXPECT_FALSE(pipe_.state().connected);
  EXPECT_GT(source_.observer().counters().overflows, 0u) << "more has happened than is kept";
  // The listing of one directory may be above the limit of its lane.
  EXPECT_LE(most, kRealtimeBytesMax + Bus::Options().scan_bytes_max + kListingBytesMax);
  const std::size_t tries = link_.requests.size() - sessions_before +
                            static_cast<std::size_t>(link_.reports - streams_before);
  EXPECT_GE(tries, 50u) << "it has not given up";
  EXPECT_LE(tries, 200u) << "and has not been a nuisance";

  // Fusion is back, and knows nothing of the session.
  link_.open_status = Status();
  link_.beat_status = link_.report_status = Status(Code::kUnauthenticated, "Session obsoleted");
  for (int i = 0; i < 2'000 && link_.requests.size() == sessions_before; ++i) Advance(Millis(100));
  link_.beat_status = link_.report_status = Status();
  Advance(Seconds(120));
  EXPECT_TRUE(pipe_.state().connected);
  std::set<std::string> reported;
  bool ended = false;
  for (const batch::Batch& batch : link_.streams.back()->batches) {
    ended = ended || batch.mark == batch::ScanMark::kEnd;
    for (const batch::DirBlock& block : batch.blocks) {
      for (std::size_t i = 0; i < block.rows.size(); ++i) {
        reported.emplace(block.rows.name(i));
      }
    }
    for (const batch::Change& change : batch.changes) reported.insert(change.path.substr(1));
  }
  EXPECT_TRUE(ended);
  reported.erase("");
  EXPECT_EQ(reported, names);
}

}  // namespace
}  // namespace fustor::agent
