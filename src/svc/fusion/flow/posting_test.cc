// Agents that post: the part of SessionHost in posting.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "svc/fusion/flow/fixtures_testing.h"

namespace fustor::fusion {
namespace {

using batch::Source;
using testing::ElementsAre;
using testing::HasSubstr;

const SessionHost::Caller kNobody{"agents", "", "peer"};

batch::Batch Rows(Source source, const std::vector<std::string>& names, std::int64_t mtime_ns = 1) {
  batch::Batch batch;
  batch.source = source;
  batch.loose = true;
  batch::DirBlock& block = batch.blocks.emplace_back();
  block.path = "/";
  block.self.kind = EntryKind::kDirectory;
  block.self.mode = 040000;
  for (const std::string& name : names) {
    EntryAttrs attrs;
    attrs.mode = 0100000;
    attrs.mtime_ns = mtime_ns;
    block.rows.Append(name, attrs, "");
  }
  return batch;
}

batch::Batch Told(batch::Change::Kind kind, const std::string& path, std::int64_t ctime_ns = 0) {
  batch::Batch batch;
  batch.loose = true;
  batch::Change& change = batch.changes.emplace_back();
  change.kind = kind;
  change.path = path;
  change.attrs.mode = 0100000;
  change.attrs.mtime_ns = change.attrs.ctime_ns = ctime_ns;
  return batch;
}

struct Posting : World {
  using World::World;
  SessionHost& host() { return fusion.sessions(); }
  Status Post(const std::string& session, std::vector<batch::Batch> batches,
              std::optional<Source> ends = std::nullopt) {
    const Result<SessionHost::Entry> entry = host().Admit(kNobody, session, 100);
    if (!entry.ok()) return entry.status();
    SessionHost::Posted posted;
    posted.events = batches.size();
    posted.batches = std::move(batches);
    posted.ends = ends;
    return Await(host().Push(*entry, std::move(posted)));
  }
  Status PostOne(const std::string& session, batch::Batch batch,
                 std::optional<Source> ends = std::nullopt) {
    std::vector<batch::Batch> batches;
    batches.push_back(std::move(batch));
    return Post(session, std::move(batches), ends);
  }
};

TEST(Posting, ASnapshotMakesTheViewsReadyWhenItHasEnded) {
  Posting world(TwoViews());
  const std::string session = world.OpenSession("a:p", "k2").session_id;
  EXPECT_TRUE(world.PostOne(session, Rows(Source::kSnapshot, {"x", "y"})).ok());
  EXPECT_TRUE(world.Has("one", "/x") && world.Has("two", "/y"));
  EXPECT_THAT(world.status("two")->not_ready_reason, HasSubstr("Initial snapshot sync phase"));
  EXPECT_TRUE(world.Post(session, {}, Source::kSnapshot).ok());
  EXPECT_TRUE(world.status("two")->ready);
  EXPECT_FALSE(world.status("one")->ready);  // Pipe p1 feeds it as well.
  EXPECT_TRUE(world.Post(session, {}, Source::kSnapshot).ok());
  EXPECT_TRUE(world.status("two")->ready);
}

TEST(Posting, AnOldRowDoesNotUndoANewerChange) {
  Posting world;
  const std::string session = world.OpenSession("a:p").session_id;
  ASSERT_TRUE(world.PostOne(session, Told(batch::Change::Kind::kUpsert, "/x", 2'000'000'000)).ok());
  batch::Batch late = Rows(Source::kSnapshot, {"x"});
  late.blocks[0].rows.attrs(0).ctime_ns = 1'000'000'000;
  ASSERT_TRUE(world.PostOne(session, std::move(late), Source::kSnapshot).ok());
  EXPECT_EQ(world.fusion.Find("one")->Pin()->Find("/x")->attrs.mtime_ns, 2'000'000'000);
}

TEST(Posting, AnAuditFindsWhatIsMissing) {
  Posting world;
  const std::string session = world.OpenSession("a:p").session_id;
  ASSERT_TRUE(
      world.PostOne(session, Rows(Source::kSnapshot, {"x", "y", "z"}), Source::kSnapshot).ok());
  ASSERT_TRUE(world.PostOne(session, Rows(Source::kAudit, {"x"})).ok());
  EXPECT_TRUE(world.status("one")->is_auditing);
  ASSERT_TRUE(world.PostOne(session, Told(batch::Change::Kind::kUpsert, "/z")).ok());
  EXPECT_EQ(*world.Await(world.host().MarkScan("p1", Source::kAudit, false)), 1);
  EXPECT_TRUE(world.Has("one", "/x") && !world.Has("one", "/y"));
  EXPECT_TRUE(world.Has("one", "/z"));  // Confirmed since the audit began.
  EXPECT_EQ(world.status("one")->blind_deletions, 1);
  EXPECT_EQ(world.status("one")->audit_cycles, 1);
  // A part of an audit proves nothing.
  batch::Batch part = Rows(Source::kAudit, {});
  part.blocks[0].path = "/";
  part.blocks[0].self = {};
  ASSERT_TRUE(world.PostOne(session, std::move(part), Source::kAudit).ok());
  EXPECT_TRUE(world.Has("one", "/x"));
}

TEST(Posting, AnAuditMayBeginWithoutRows) {
  Posting world;
  EXPECT_EQ(*world.Await(world.host().MarkScan("p1", Source::kAudit, true)),
            1);  // Nobody is there.
  const std::string session = world.OpenSession("a:p").session_id;
  EXPECT_EQ(*world.Await(world.host().MarkScan("p1", Source::kAudit, true)), 1);
  EXPECT_TRUE(world.Join(session).ok());  // It may still report over a stream.
  const std::string posting = world.OpenSession("a:p").session_id;
  ASSERT_TRUE(world.Post(posting, {}, Source::kSnapshot).ok());
  EXPECT_EQ(*world.Await(world.host().MarkScan("p1", Source::kAudit, true)), 1);
  EXPECT_TRUE(world.status("one")->is_auditing);
  EXPECT_EQ(world.Await(world.host().MarkScan("no", Source::kAudit, true)).status().code(),
            Code::kNotFound);
}

TEST(Posting, WhatIsUnderWayIsBounded) {
  Posting world;
  const std::string one = world.OpenSession("a:p").session_id;
  const std::string two = world.OpenSession("b:p").session_id;
  std::vector<SessionHost::Entry> entries;
  for (std::size_t i = 0; i < SessionHost::kPostsPerSession; ++i) {
    entries.push_back(*world.host().Admit(kNobody, one, 1));
  }
  EXPECT_EQ(world.host().Admit(kNobody, one, 1).status().code(), Code::kResourceExhausted);
  EXPECT_EQ(world.host().ListPipes().at(0).queue_size, SessionHost::kPostsPerSession);
  EXPECT_EQ(world.host().Admit(kNobody, two, SessionHost::kPostedBytesMax).status().code(),
            Code::kUnavailable);
  world.host().Leave(entries.back());
  EXPECT_TRUE(world.host().Admit(kNobody, one, 1).ok());
  // The session is over: its requests are answered, and their room is free again.
  ASSERT_TRUE(world.host().ClosePosted(kNobody, one).ok());
  EXPECT_EQ(world.Await(world.host().Push(entries[0], {})).code(), Code::kNotFound);
  for (int i = 0; i < 3; ++i) world.host().Leave(entries[0]);
  EXPECT_TRUE(world.host().Admit(kNobody, two, SessionHost::kPostedBytesMax).ok());
}

TEST(Posting, TheSessionIsTheCredentialUnlessTheKeyIsDemanded) {
  FusionConfig config = TwoViews();
  Posting world(config);
  const std::string session = world.OpenSession("a:p").session_id;
  EXPECT_TRUE(world.host().BeatPosted(kNobody, session, {}).ok());
  EXPECT_EQ(world.host().BeatPosted(kNobody, "nobody", {}).status().code(), Code::kNotFound);
  config.receivers["agents"].require_key_on_ingest = true;
  ASSERT_TRUE(world.fusion.Configure(config).ok());
  EXPECT_EQ(world.host().BeatPosted(kNobody, session, {}).status().code(), Code::kNotFound);
  const std::string again = world.OpenSession("a:p").session_id;
  EXPECT_EQ(world.host().BeatPosted(kNobody, again, {}).status().message(), "API key required");
  EXPECT_EQ(world.host().BeatPosted({"agents", "k2", ""}, again, {}).status().message(),
            "Invalid API key");
  EXPECT_TRUE(world.host().BeatPosted({"agents", "k1", ""}, again, {}).ok());
  EXPECT_TRUE(world.host().BeatPosted({"", "k1", ""}, again, {}).ok());
  EXPECT_EQ(world.host().Admit(kNobody, again, 1).status().code(), Code::kUnauthenticated);
  EXPECT_EQ(world.host().ClosePosted(kNobody, again).code(), Code::kUnauthenticated);
  EXPECT_TRUE(world.host().ClosePosted(kNobody, "nobody").ok());
}

TEST(Posting, ABeatWithoutWordsChangesNothingButTheTime) {
  Posting world;
  const std::string session = world.OpenSession("a:p").session_id;
  SessionHost::PostedBeat beat;
  beat.can_realtime = true;
  beat.state = "34";
  beat.rows_sent = 7;
  ASSERT_TRUE(world.host().BeatPosted(kNobody, session, beat).ok());
  ASSERT_TRUE(world.host().BeatPosted(kNobody, session, {}).ok());
  const SessionInfo info = world.host().ListSessions("one").at(0);
  EXPECT_TRUE(info.session.can_realtime && info.leader && info.concurrent);
  EXPECT_EQ(info.session.state, "34");
  EXPECT_EQ(info.session.rows_sent, 7);
}

batch::Command CommandOf(std::string kind) {
  batch::Command command;
  command.kind = std::move(kind);
  return command;
}

TEST(Posting, ACommandComesAgainUntilItIsAcknowledged) {
  for (const bool acknowledges : {false, true}) {
    SCOPED_TRACE(acknowledges);
    Posting world;
    batch::SessionRequest request;
    request.task_id = "a:p";
    request.agent_id = "a";
    if (acknowledges) request.capabilities = {std::string(batch::kCommandIds)};
    const std::string session = world.host().Open({"agents", "k1", ""}, request)->session_id;
    const auto beat = [&](std::vector<std::string> ids) {
      SessionHost::PostedBeat posted;
      posted.acknowledged_commands = std::move(ids);
      return world.host().BeatPosted(kNobody, session, posted)->commands;
    };
    ASSERT_TRUE(world.host().SendCommand("a", CommandOf("reload_config")).ok());
    ASSERT_TRUE(world.host().SendCommand("a", CommandOf("stop_pipe")).ok());
    const std::vector<batch::Command> first = beat({});
    ASSERT_EQ(first.size(), 2u);
    EXPECT_EQ(first[0].command_id.empty(), !acknowledges);
    if (!acknowledges) {
      EXPECT_TRUE(beat({}).empty()) << "once";
      continue;
    }
    EXPECT_NE(first[0].command_id, first[1].command_id);
    EXPECT_EQ(beat({"nonsense"}), first);
    EXPECT_THAT(beat({first[0].command_id}), ElementsAre(first[1]));
    // On a new stream, too.
    std::vector<batch::Command> heard;
    const SessionKey key = world.host().ListSessions("one").at(0).session.key;
    world.host().Listen(key, [&](std::vector<batch::Command> commands) {
      heard = std::move(commands);
      return true;
    });
    EXPECT_THAT(heard, ElementsAre(first[1]));
    EXPECT_TRUE(beat({first[1].command_id}).empty());
    for (std::size_t i = 0; i < SessionHost::kCommandsPerSession; ++i) {
      EXPECT_TRUE(world.host().SendCommand("a", CommandOf("reload_config")).ok());
    }
    EXPECT_EQ(world.host().SendCommand("a", CommandOf("reload_config")).code(),
              Code::kResourceExhausted);
  }
}

TEST(Posting, PipesCountWhatTheyTake) {
  Posting world;
  const std::string session = world.OpenSession("a:p").session_id;
  ASSERT_TRUE(world.PostOne(session, Rows(Source::kSnapshot, {"x"})).ok());
  ASSERT_TRUE(world.host().ClosePosted(kNobody, session).ok());
  const SessionHost::PipeInfo pipe = world.host().ListPipes().at(0);
  EXPECT_EQ(pipe.id, "p1");
  EXPECT_THAT(pipe.view_ids, ElementsAre("one"));
  EXPECT_EQ(pipe.events_received, 1);
  EXPECT_EQ(pipe.events_processed, 1);
  EXPECT_EQ(pipe.sessions_created, 1);
  EXPECT_EQ(pipe.sessions_closed, 1);
}

TEST(Posting, ASweepSettlesSuspects) {
  Posting world;
  const std::string session = world.OpenSession("a:p").session_id;
  batch::Batch half = Told(batch::Change::Kind::kUpsert, "/x", 5'000);
  half.changes[0].atomic = false;
  ASSERT_TRUE(world.PostOne(session, std::move(half)).ok());
  const auto sweep = [&](const std::string& path, bool missing, std::int64_t mtime_ns) {
    std::vector<Arbiter::Sighting> sightings(1);
    sightings[0] = {path, missing, mtime_ns, std::nullopt};
    return world.Await(world.fusion.Find("one")->Sweep(std::move(sightings)));
  };
  EXPECT_EQ(world.status("one")->suspect_count, 1);
  EXPECT_EQ(sweep("/no", false, 5'000), 0);
  EXPECT_EQ(sweep("/", true, 0), 0);
  EXPECT_EQ(sweep("/x", false, 7'000'000), 1);  // Changed: stays.
  EXPECT_EQ(world.status("one")->suspect_count, 1);
  EXPECT_EQ(world.fusion.Find("one")->Pin()->Find("/x")->attrs.mtime_ns, 7'000'000);
  EXPECT_EQ(sweep("/x", true, 0), 1);
  EXPECT_FALSE(world.Has("one", "/x"));
  EXPECT_EQ(world.status("one")->suspect_count, 0);
}

}  // namespace
}  // namespace fustor::fusion
