#include "svc/agent/flow/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/hand_driven_testing.h"
#include "svc/agent/flow/fakes_testing.h"

namespace fustor::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Hands a fake link to an agent and lets the test keep it.
class SharedLink final : public FusionLink {
 public:
  explicit SharedLink(std::shared_ptr<FakeLink> link) : link_(std::move(link)) {}
  env::Task<Result<batch::SessionGrant>> Open(batch::SessionRequest request) override {
    return link_->Open(std::move(request));
  }
  env::Task<Result<batch::HeartbeatAnswer>> Beat(batch::Heartbeat beat) override {
    return link_->Beat(std::move(beat));
  }
  env::Task<Status> Close(std::string id) override { return link_->Close(std::move(id)); }
  env::Task<Result<std::unique_ptr<ReportStream>>> Report(std::string id) override {
    return link_->Report(std::move(id));
  }
  void CancelCalls() override { link_->CancelCalls(); }

 private:
  const std::shared_ptr<FakeLink> link_;
};

PipeConfig PipeOf(std::string source) {
  PipeConfig pipe;
  pipe.source = std::move(source);
  pipe.sender = "hub";
  return pipe;
}

AgentConfig TwoPipes() {
  AgentConfig config;
  config.agent_id = "host";
  config.sources["home"].uri = "/home";
  config.sources["data"].uri = "/data";
  config.senders["hub"].uri = "hub:8103";
  config.senders["hub"].key = "k";
  config.pipes["one"] = PipeOf("home");
  config.pipes["two"] = PipeOf("data");
  return config;
}

class AgentTest : public testing::Test {
 protected:
  ~AgentTest() override {
    EXPECT_TRUE(Stop());
    agent_.reset();
  }

  template <class T>
  static env::Task<void> Store(env::Task<T> task, std::optional<T>* out) {
    T value = co_await std::move(task);
    out->emplace(std::move(value));
  }
  static env::Task<void> Flag(env::Task<void> task, bool* done) {
    co_await std::move(task);
    *done = true;
  }
  bool Stop() {
    bool stopped = false;
    tasks_.Spawn(Flag(agent_->Stop(), &stopped));
    Run();
    return stopped;
  }
  Status Reload(AgentConfig config) {
    std::optional<Status> status;
    tasks_.Spawn(Store(agent_->Reload(std::move(config)), &status));
    Run();
    FUSTOR_CHECK(status.has_value());
    return *status;
  }
  Status Start(AgentConfig config) {
    Status status = agent_->Start(std::move(config));
    Run();
    return status;
  }
  void Run() {
    while (data_.queued() + control_.queued() != 0) {
      data_.RunOne();
      control_.RunOne();
    }
  }
  void Advance(Nanos time) {
    for (Nanos passed{0}; passed < time; passed += Millis(50)) {
      data_.Advance(Millis(50));
      control_.Advance(Millis(50));
      Run();
    }
  }
  // The links of a pipe, in the order in which they were made.
  std::vector<std::string> Sessions() {
    std::vector<std::string> tasks;
    for (const auto& link : links_) {
      for (const auto& request : link->requests) tasks.push_back(request.task_id);
    }
    return tasks;
  }
  // What a Fusion was told, in all its streams.
  static std::vector<std::string> Scans(const FakeLink& link) {
    std::vector<std::string> marks;
    for (const auto& stream : link.streams) {
      for (const batch::Batch& batch : stream->batches) {
        if (batch.mark == batch::ScanMark::kBegin) marks.emplace_back("begin");
        if (batch.mark == batch::ScanMark::kEnd) marks.emplace_back("end");
      }
    }
    return marks;
  }
  static std::vector<std::string> Changes(const FakeLink& link) {
    std::vector<std::string> paths;
    for (const auto& stream : link.streams) {
      for (const batch::Batch& batch : stream->batches) {
        for (const batch::Change& change : batch.changes) paths.push_back(change.path);
      }
    }
    return paths;
  }
  PipeState StateOf(const std::string& id) {
    for (PipeState& pipe : agent_->state().pipes) {
      if (pipe.id == id) return pipe;
    }
    ADD_FAILURE() << "no pipe " << id;
    return {};
  }

  Agent::Ports MakePorts() {
    Agent::Ports ports;
    ports.open_tree = [this](const SourceConfig& source) -> Result<std::unique_ptr<env::Tree>> {
      opened_.push_back(source);
      if (!tree_status_.ok()) return tree_status_;
      auto tree = std::make_unique<FakeTree>(source.uri);
      trees_.push_back(tree.get());
      return std::unique_ptr<env::Tree>(std::move(tree));
    };
    ports.open_link = [this](const SenderConfig&) -> Result<std::unique_ptr<FusionLink>> {
      links_.push_back(std::make_shared<FakeLink>());
      links_.back()->hang = hang_;
      return std::unique_ptr<FusionLink>(std::make_unique<SharedLink>(links_.back()));
    };
    return ports;
  }

  env::HandDrivenExecutor data_;
  env::HandDrivenExecutor control_;
  env::TaskGroup tasks_{data_};
  Status tree_status_;
  bool hang_ = false;
  std::vector<SourceConfig> opened_;
  std::vector<FakeTree*> trees_;  // The agent's.
  std::vector<std::shared_ptr<FakeLink>> links_;
  std::unique_ptr<Agent> agent_ =
      std::make_unique<Agent>(data_, control_, MakePorts(), 1, Logger());
};

TEST_F(AgentTest, RunsEveryPipe) {
  ASSERT_TRUE(Start(TwoPipes()).ok());
  EXPECT_THAT(Sessions(), ElementsAre("host:one", "host:two"));
  ASSERT_THAT(agent_->state().pipes, SizeIs(2));
  const PipeState one = StateOf("one");
  EXPECT_TRUE(one.pipe.connected);
  EXPECT_EQ(one.pipe.role, batch::Role::kLeader);
  EXPECT_EQ(one.tree->root, "/home");
  EXPECT_EQ(one.error, "");
  EXPECT_FALSE(one.scanning);
  EXPECT_GT(one.seen.directories_listed, 0u);
}

AgentConfig OneSourceTwoSenders() {
  AgentConfig config = TwoPipes();
  config.senders["other"] = config.senders["hub"];
  config.senders["other"].uri = "other:8103";
  config.sources["again"] = config.sources["home"];  // By another name.
  config.pipes["two"] = PipeOf("again");
  config.pipes["two"].sender = "other";
  return config;
}

TEST_F(AgentTest, PipesOfOneSourceShareIt) {
  ASSERT_TRUE(Start(OneSourceTwoSenders()).ok());
  EXPECT_THAT(Sessions(), ElementsAre("host:one", "host:two"));
  ASSERT_THAT(trees_, SizeIs(1)) << "one tree, watched once";
  EXPECT_EQ(StateOf("one").readers, 2u);
  trees_[0]->Put("new", 1);
  Run();
  for (const auto& link : links_) {
    EXPECT_THAT(Scans(*link), ElementsAre("begin", "end")) << "each has a snapshot of its own";
    EXPECT_THAT(Changes(*link), testing::Contains("/new"));
  }
}

TEST_F(AgentTest, AFusionThatIsDeadCostsOthersNothing) {
  ASSERT_TRUE(Start(OneSourceTwoSenders()).ok());
  links_[1]->report_status = Status(Code::kUnavailable, "connection refused");
  links_[1]->streams.back()->Break(Status(Code::kUnavailable, "reset"));
  for (int i = 0; i < 50; ++i) {
    trees_[0]->Put("n" + std::to_string(i), i);
    Advance(Millis(100));
  }
  EXPECT_THAT(Changes(*links_[0]), testing::Contains("/n49"));
  EXPECT_THAT(Changes(*links_[1]), testing::Not(testing::Contains("/n49")));
  EXPECT_GT(StateOf("two").waiting_bytes, 0u) << "its session lives: nothing is lost";
  links_[1]->report_status = Status();
  Advance(Seconds(61));
  EXPECT_THAT(Changes(*links_[1]), testing::IsSupersetOf({"/n0", "/n49"}));
  EXPECT_EQ(links_[1]->requests.size(), 1u);
}

TEST_F(AgentTest, AChangedPipeDoesNotRestartItsSource) {
  ASSERT_TRUE(Start(OneSourceTwoSenders()).ok());
  AgentConfig config = OneSourceTwoSenders();
  config.senders["other"].uri = "third:8103";
  ASSERT_TRUE(Reload(config).ok());
  EXPECT_THAT(links_[1]->closed, SizeIs(1)) << "its session ends at once";
  EXPECT_THAT(links_[0]->closed, IsEmpty()) << "the other one does not notice";
  ASSERT_THAT(links_, SizeIs(3));
  EXPECT_THAT(trees_, SizeIs(1));
  EXPECT_THAT(Scans(*links_[0]), ElementsAre("begin", "end"));
  EXPECT_THAT(Scans(*links_[2]), ElementsAre("begin", "end")) << "it is told everything";
  trees_[0]->Put("new", 1);
  Run();
  EXPECT_THAT(Changes(*links_[0]), testing::Contains("/new"));
  EXPECT_THAT(Changes(*links_[2]), testing::Contains("/new"));

  // The only pipe of a source moves: the source stays all the same.
  config.pipes.erase("two");
  ASSERT_TRUE(Reload(config).ok());
  config.pipes["one"].sender = "other";
  ASSERT_TRUE(Reload(config).ok());
  EXPECT_THAT(links_, SizeIs(4));
  EXPECT_THAT(trees_, SizeIs(1));
  EXPECT_THAT(Scans(*links_[3]), ElementsAre("begin", "end"));

  // A source that nobody reads goes, and comes again.
  config.pipes.erase("one");
  ASSERT_TRUE(Reload(config).ok());
  config.pipes["one"] = PipeOf("home");
  ASSERT_TRUE(Reload(config).ok());
  EXPECT_THAT(opened_, SizeIs(2));
}

TEST_F(AgentTest, IntervalsChangeWhileTheSessionGoesOn) {
  ASSERT_TRUE(Start(TwoPipes()).ok());
  AgentConfig config = TwoPipes();
  config.pipes["one"].audit_interval = Seconds(7);
  config.pipes["one"].backoff_max = Seconds(6);
  config.pipes["one"].error_retry_interval = Seconds(1);
  config.pipes["one"].consecutive_errors_max = 1;
  ASSERT_TRUE(Reload(config).ok());
  EXPECT_THAT(links_, SizeIs(2));
  for (const auto& link : links_) EXPECT_THAT(link->closed, IsEmpty());
  links_[0]->report_status = Status(Code::kUnavailable, "connection refused");
  links_[0]->streams.back()->Break(Status(Code::kUnavailable, "reset"));
  Run();
  EXPECT_TRUE(StateOf("one").failing) << "after one failure";
  const int before = links_[0]->reports;
  Advance(Seconds(60));
  EXPECT_GE(links_[0]->reports - before, 9) << "not later than 6 s apart";
}

TEST_F(AgentTest, DisabledPipesDoNothing) {
  AgentConfig config = TwoPipes();
  config.pipes["one"].disabled = true;
  config.senders["old"].driver = SenderConfig::Driver::kHttp;  // Of nobody's concern.
  ASSERT_TRUE(Start(config).ok());
  EXPECT_THAT(Sessions(), ElementsAre("host:two"));
}

TEST_F(AgentTest, StoppingClosesAllSessions) {
  ASSERT_TRUE(Start(TwoPipes()).ok());
  ASSERT_TRUE(Stop());
  for (const auto& link : links_) EXPECT_THAT(link->closed, SizeIs(1));
  EXPECT_THAT(agent_->state().pipes, IsEmpty());
}

TEST_F(AgentTest, AFusionThatHangsHoldsUpNobody) {
  ASSERT_TRUE(Start(TwoPipes()).ok());
  links_[0]->hang = true;
  bool stopped = false;
  tasks_.Spawn(Flag(agent_->Stop(), &stopped));
  Run();
  EXPECT_FALSE(stopped);
  EXPECT_THAT(links_[1]->closed, SizeIs(1)) << "closed beside the one that hangs";
  links_[0]->CancelCalls();
  Run();
  EXPECT_TRUE(stopped);
}

TEST_F(AgentTest, ASourceThatCannotBeOpenedIsTriedAgain) {
  tree_status_ = Status(Code::kNotFound, "/home: no such directory");
  ASSERT_TRUE(Start(TwoPipes()).ok());
  EXPECT_THAT(Sessions(), IsEmpty());
  EXPECT_EQ(StateOf("one").error, "/home: no such directory");
  EXPECT_TRUE(StateOf("one").failing);
  Advance(Seconds(60));
  EXPECT_GE(opened_.size(), 8u);
  EXPECT_LE(opened_.size(), 24u);
  tree_status_ = Status();
  Advance(Seconds(61));
  EXPECT_TRUE(StateOf("one").pipe.connected);
  EXPECT_EQ(StateOf("one").error, "");
}

TEST_F(AgentTest, FailuresShowInTheState) {
  ASSERT_TRUE(Start(TwoPipes()).ok());
  links_[0]->report_status = Status(Code::kUnavailable, "connection refused");
  links_[0]->streams.back()->Break(Status(Code::kUnavailable, "reset"));
  Run();
  EXPECT_EQ(StateOf("one").error, "reset");
  EXPECT_FALSE(StateOf("one").failing);
  Advance(Seconds(200));
  EXPECT_EQ(StateOf("one").error, "connection refused");
  EXPECT_TRUE(StateOf("one").failing);
  EXPECT_EQ(StateOf("two").error, "");
}

TEST_F(AgentTest, TheAgentsScanWorkersAreTheDefault) {
  AgentConfig config = TwoPipes();
  config.fs_scan_workers = 7;
  config.sources["data"].scan_workers = 3;
  ASSERT_TRUE(Start(config).ok());
  ASSERT_THAT(opened_, SizeIs(2));
  EXPECT_EQ(opened_[0].scan_workers, 7);
  EXPECT_EQ(opened_[1].scan_workers, 3);
}

TEST_F(AgentTest, ReloadTouchesOnlyWhatHasChanged) {
  ASSERT_TRUE(Start(TwoPipes()).ok());
  AgentConfig config = TwoPipes();
  config.pipes["one"].session_timeout = Seconds(7);  // Changed.
  config.sources["more"].uri = "/more";
  config.pipes["three"] = PipeOf("more");   // New.
  config.logging.level = LogLevel::kDebug;  // Of no pipe's concern.
  ASSERT_TRUE(Reload(config).ok());
  EXPECT_THAT(Sessions(), ElementsAre("host:one", "host:two", "host:one", "host:three"));
  EXPECT_EQ(links_[2]->requests[0].timeout, Seconds(7));
  EXPECT_THAT(links_[0]->closed, SizeIs(1));
  EXPECT_THAT(links_[1]->closed, IsEmpty()) << "two goes on";

  config.pipes.erase("two");
  config.senders["hub"].key = "another";  // One and three have it too.
  ASSERT_TRUE(Reload(config).ok());
  EXPECT_THAT(links_[1]->closed, SizeIs(1));
  EXPECT_THAT(agent_->state().pipes, SizeIs(2));
  EXPECT_THAT(Sessions(), SizeIs(6));
}

TEST_F(AgentTest, ABadReloadChangesNothing) {
  ASSERT_TRUE(Start(TwoPipes()).ok());
  AgentConfig config = TwoPipes();
  config.pipes.erase("two");
  config.senders["hub"].uri = "hub";
  const Status status = Reload(config);
  EXPECT_EQ(status.code(), Code::kUnimplemented);
  EXPECT_THAT(status.message(), HasSubstr("senders.hub.uri"));
  EXPECT_THAT(agent_->state().pipes, SizeIs(2));
  for (const auto& link : links_) EXPECT_THAT(link->closed, IsEmpty());
}

TEST_F(AgentTest, WhatIsNotSupportedIsRefusedAtStart) {
  struct Case {
    std::function<void(AgentConfig*)> change;
    std::string error;
  };
  using Driver = SenderConfig::Driver;
  const Case cases[] = {
      {[](auto* c) { c->senders["hub"].driver = Driver::kHttp; },
       "senders.hub.uri: expected http://HOST:PORT"},
      {[](auto* c) { c->senders["hub"].driver = Driver::kEcho; },
       "senders.hub.uri: expected file:///PATH"},
      {[](auto* c) { c->senders["hub"].uri = "hub"; }, "senders.hub.uri: expected HOST:PORT"},
      {[](auto* c) { c->senders["hub"].uri = "http://hub:1"; }, "senders.hub.uri"},
      {[](auto* c) { c->senders["hub"].uri = "::1:8103"; }, "senders.hub.uri"},
      {[](auto* c) { c->sources["home"].uri = "home"; }, "sources.home.uri: expected an absolute"},
  };
  for (const Case& one : cases) {
    AgentConfig config = TwoPipes();
    one.change(&config);
    const Status status = Start(config);
    EXPECT_EQ(status.code(), Code::kUnimplemented) << one.error;
    EXPECT_THAT(status.message(), HasSubstr(one.error));
    EXPECT_THAT(Sessions(), IsEmpty());
  }
  AgentConfig config = TwoPipes();
  config.senders["hub"].uri = "[::1]:8103";
  EXPECT_TRUE(Start(config).ok());
}

}  // namespace
}  // namespace fustor::agent
