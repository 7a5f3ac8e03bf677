#include "svc/fusion/core/sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "svc/fusion/core/readiness.h"

namespace fustor::fusion {
namespace {

using Kind = Sessions::Effect::Kind;

constexpr Instant At(std::int64_t seconds) { return {seconds * 1'000'000'000}; }
constexpr WallTime WallAt(std::int64_t seconds) { return WallTime::FromParts(seconds, 0); }

batch::SessionRequest RequestOf(const std::string& task, int timeout_s = 0) {
  batch::SessionRequest request;
  request.task_id = task;
  request.timeout = Seconds(timeout_s);
  return request;
}

struct Rig {
  explicit Rig(Sessions::Options options = {}) : sessions(options) {}

  const Sessions::Session* Open(const std::string& task, std::int64_t at, int timeout_s = 0) {
    const auto opened =
        sessions.Open(RequestOf(task, timeout_s), "id-" + task + "-" + std::to_string(++opens),
                      "peer", At(at), WallAt(at), &effects);
    return opened.ok() ? *opened : nullptr;
  }
  Status Beat(const std::string& id, std::int64_t at) {
    batch::Heartbeat beat;
    beat.session_id = id;
    return sessions.Beat(beat, At(at), WallAt(at), &effects).status();
  }
  // "started 1, leads 1": what has happened since the last call.
  std::string Happened() {
    std::string text;
    for (const auto& effect : effects) {
      if (!text.empty()) text += ", ";
      const char* verb = effect.kind == Kind::kStarted         ? "started "
                         : effect.kind == Kind::kEnded         ? "ended "
                         : effect.kind == Kind::kLeaderChanged ? "leads "
                                                               : "uncovered ";
      text += verb + std::to_string(effect.session.value);
    }
    effects.clear();
    return text;
  }

  Sessions sessions;
  Sessions::Effects effects;
  int opens = 0;
};

TEST(Sessions, TheFirstLeadsAndTheOthersFollow) {
  Rig rig;
  const auto* first = rig.Open("a:p", 0);
  EXPECT_EQ(rig.Happened(), "started 1, leads 1");
  const auto* second = rig.Open("b:p", 1);
  EXPECT_EQ(rig.Happened(), "started 2");
  EXPECT_TRUE(rig.sessions.IsLeader(first->key));
  EXPECT_FALSE(rig.sessions.IsLeader(second->key));
  EXPECT_FALSE(rig.sessions.IsLeader(SessionKey{}));
  EXPECT_EQ(first->agent_id, "a");
}

TEST(Sessions, TheLeadFreesOnlyByEndAndGoesToTheFirstThatAsks) {
  Rig rig;
  const std::string leader = rig.Open("a:p", 0)->id;
  const std::string b = rig.Open("b:p", 1)->id;
  const std::string c = rig.Open("c:p", 1)->id;
  rig.Happened();
  EXPECT_TRUE(rig.Beat(c, 5).ok());
  EXPECT_EQ(rig.Happened(), "") << "the lead is held";
  EXPECT_TRUE(rig.sessions.Close(leader, &rig.effects));
  EXPECT_EQ(rig.Happened(), "ended 1, leads 0");
  EXPECT_TRUE(rig.Beat(c, 6).ok());
  EXPECT_TRUE(rig.Beat(b, 6).ok());
  EXPECT_EQ(rig.Happened(), "leads 3");
}

TEST(Sessions, EndAtTheTimeoutAndNotBefore) {
  Rig rig;
  const std::string id = rig.Open("a:p", 0, 30)->id;
  EXPECT_EQ(rig.sessions.NextExpiry(), At(30));
  EXPECT_TRUE(rig.Beat(id, 29).ok());
  EXPECT_EQ(rig.sessions.NextExpiry(), At(59));
  rig.Happened();
  rig.sessions.Tick(At(58), &rig.effects);
  EXPECT_EQ(rig.Happened(), "");
  rig.sessions.Tick(At(59), &rig.effects);
  EXPECT_EQ(rig.Happened(), "ended 1, leads 0, uncovered 1");
  EXPECT_EQ(rig.sessions.NextExpiry(), std::nullopt);
  EXPECT_EQ(rig.Beat(id, 60).code(), Code::kUnauthenticated);
}

TEST(Sessions, AreGoneWhenTheirTimeIsOverEvenBeforeTick) {
  Rig rig;
  const std::string id = rig.Open("a:p", 0, 30)->id;
  EXPECT_TRUE(rig.sessions.Touch(id, At(29), WallAt(29)).ok());
  EXPECT_FALSE(rig.sessions.Touch(id, At(30), WallAt(30)).ok()) << "data does not renew the lease";
  EXPECT_EQ(rig.Beat(id, 30).code(), Code::kUnauthenticated);
  EXPECT_EQ(rig.sessions.Find(id), nullptr);
}

TEST(Sessions, TheSameTaskReplacesItsOlderSession) {
  Rig rig;
  const std::string old = rig.Open("a:p", 0)->id;
  rig.Open("b:p", 0);
  rig.Happened();
  rig.Open("a:p", 1);
  EXPECT_EQ(rig.Happened(), "ended 1, leads 0, started 3, leads 3");
  EXPECT_EQ(rig.Beat(old, 2).code(), Code::kUnauthenticated);
  EXPECT_EQ(rig.sessions.all().size(), 2u);
  rig.Open("b:p", 2);
  EXPECT_EQ(rig.Happened(), "ended 2, started 4") << "a follower's successor follows";
}

TEST(Sessions, ASoleSessionThatIsReplacedLeavesAHole) {
  Rig rig;
  rig.Open("a:p", 0);
  rig.Happened();
  rig.Open("a:p", 1);
  EXPECT_EQ(rig.Happened(), "ended 1, leads 0, uncovered 1, started 2, leads 2");
}

TEST(Sessions, ExclusiveTheNewerAgentWinsAtOnce) {
  Rig rig({.policy = SessionPolicy::kExclusive});
  const std::string old = rig.Open("a:p", 0)->id;
  rig.Happened();
  rig.Open("b:p", 1);
  EXPECT_EQ(rig.Happened(), "ended 1, leads 0, uncovered 1, started 2, leads 2");
  EXPECT_EQ(rig.Beat(old, 1).code(), Code::kUnauthenticated);
  EXPECT_EQ(rig.sessions.all().size(), 1u);
}

TEST(Sessions, TimeoutsStayWithinTheBounds) {
  const struct {
    int hint_s;
    int want_s;
  } cases[] = {{0, 30}, {-5, 30}, {1, 2}, {2, 2}, {50, 50}, {60, 60}, {61, 60}};
  for (const auto& c : cases) {
    Rig rig({.timeout_min = Seconds(2), .timeout_max = Seconds(60)});
    EXPECT_EQ(rig.Open("a:p", 0, c.hint_s)->timeout, Seconds(c.want_s)) << c.hint_s;
  }
}

TEST(Sessions, RefuseWhatTheyCannotKeep) {
  Rig rig({.sessions_max = 2});
  Sessions::Effects effects;
  EXPECT_EQ(rig.sessions.Open({}, "x", "", At(0), WallAt(0), &effects).status().code(),
            Code::kInvalidArgument);
  rig.Open("a:p", 0);
  rig.Open("b:p", 0);
  EXPECT_EQ(
      rig.sessions.Open(RequestOf("c:p"), "x", "", At(0), WallAt(0), &effects).status().code(),
      Code::kResourceExhausted);
  EXPECT_TRUE(effects.empty());
  EXPECT_NE(rig.Open("a:p", 1), nullptr) << "a replacement takes no more room";
  EXPECT_NE(rig.Open("c:p", 100), nullptr) << "the others have expired";
}

TEST(Sessions, KeysOfDifferentPipesDiffer) {
  Rig one({.pipe_number = 1});
  Rig two({.pipe_number = 2});
  EXPECT_NE(one.Open("a:p", 0)->key, two.Open("a:p", 0)->key);
}

TEST(Sessions, ClosingTheUnknownIsFine) {
  Rig rig;
  EXPECT_FALSE(rig.sessions.Close("nobody", &rig.effects));
  EXPECT_EQ(rig.Happened(), "");
}

class ReadinessTest : public testing::Test {
 protected:
  void Feed() {
    for (const auto& effect : rig.effects) readiness.OnEffect(effect, WallAt(100));
    rig.effects.clear();
  }
  Rig rig;
  Readiness readiness{SessionPolicy::kShared};
};

TEST_F(ReadinessTest, SaysWhatIsMissing) {
  EXPECT_THAT(readiness.verdict().reason, testing::StartsWith("No active leader session. "));
  EXPECT_EQ(readiness.verdict().retry_after_s, 10);

  const SessionKey key = rig.Open("a:p", 0)->key;
  Feed();
  readiness.OnSnapshot(key, 10, false, WallAt(1));
  EXPECT_THAT(readiness.verdict().reason,
              testing::StartsWith("Initial snapshot sync phase in progress "));
  EXPECT_EQ(readiness.verdict().retry_after_s, 5);
  EXPECT_EQ(readiness.verdict().snapshot_rows, 10u);
  EXPECT_FALSE(readiness.verdict().was_ready_once);

  readiness.OnSnapshot(key, 5, true, WallAt(2));
  const Readiness::Verdict verdict = readiness.verdict();
  EXPECT_TRUE(verdict.ready && verdict.was_ready_once && verdict.has_leader);
  EXPECT_EQ(verdict.reason, "");
  EXPECT_EQ(verdict.snapshot_rows, 15u);
}

TEST_F(ReadinessTest, IsLostWithTheLeaderAndComesBackWithTheNext) {
  const auto* first = rig.Open("a:p", 0);
  const SessionKey key = first->key;
  const std::string id = first->id;
  const std::string follower = rig.Open("b:p", 0)->id;
  Feed();
  readiness.OnSnapshot(key, 1, true, WallAt(1));
  rig.sessions.Close(id, &rig.effects);
  Feed();
  EXPECT_FALSE(readiness.verdict().ready);
  EXPECT_EQ(readiness.verdict().unready_since, WallAt(100));
  ASSERT_TRUE(rig.Beat(follower, 1).ok());
  Feed();
  EXPECT_TRUE(readiness.verdict().ready) << "somebody has watched all the time";
  EXPECT_EQ(readiness.verdict().unready_since, std::nullopt);
}

TEST_F(ReadinessTest, NeedsANewSnapshotAfterTheLastSessionHasEnded) {
  const auto* first = rig.Open("a:p", 0);
  readiness.OnSnapshot(first->key, 1, true, WallAt(1));
  rig.sessions.Close(std::string(first->id), &rig.effects);
  const SessionKey second = rig.Open("a:p", 2)->key;
  Feed();
  EXPECT_FALSE(readiness.verdict().ready);
  EXPECT_TRUE(readiness.verdict().has_leader);
  readiness.OnSnapshot(second, 1, true, WallAt(3));
  EXPECT_TRUE(readiness.verdict().ready);
}

TEST_F(ReadinessTest, AResetLeavesNothingThatCouldBeStale) {
  const SessionKey key = rig.Open("a:p", 0)->key;
  Feed();
  readiness.OnSnapshot(key, 1, true, WallAt(1));
  readiness.OnReset();
  EXPECT_FALSE(readiness.verdict().ready);
  EXPECT_FALSE(readiness.verdict().was_ready_once);
  EXPECT_EQ(readiness.verdict().retry_after_s, 5);
}

TEST(ReadinessExclusive, OnlyTheAuthoritativeSnapshotCounts) {
  Rig rig({.policy = SessionPolicy::kExclusive});
  Readiness readiness(SessionPolicy::kExclusive);
  const auto feed = [&] {
    for (const auto& effect : rig.effects) readiness.OnEffect(effect, WallAt(0));
    rig.effects.clear();
  };
  const SessionKey old = rig.Open("a:p", 0)->key;
  feed();
  readiness.OnSnapshot(old, 1, true, WallAt(0));
  EXPECT_TRUE(readiness.verdict().ready);
  const SessionKey now = rig.Open("b:p", 1)->key;
  feed();
  EXPECT_FALSE(readiness.verdict().ready);
  readiness.OnSnapshot(old, 1, true, WallAt(1));
  EXPECT_FALSE(readiness.verdict().ready);
  readiness.OnSnapshot(now, 1, true, WallAt(1));
  EXPECT_TRUE(readiness.verdict().ready);
}

}  // namespace
}  // namespace fustor::fusion
