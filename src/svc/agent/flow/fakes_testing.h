// fakes_testing.h: a file tree and a Fusion in memory, for tests of what lies between them.
//
// Deterministic. What a link does is set before it is used, or on the thread that runs everything;
// what it has seen belongs to the executor of the call.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "env/signal.h"
#include "env/tree.h"
#include "svc/agent/ports.h"

namespace fustor::agent {

// One directory, the root, with files in it.
class FakeTree final : public env::Tree {
 public:
  explicit FakeTree(std::string root = "/data") : root_(std::move(root)) { self_.inode = 1; }

  void Put(const std::string& name, std::int64_t size_bytes) {
    EntryAttrs attrs;
    attrs.kind = EntryKind::kFile;
    attrs.inode = ++last_inode_;
    attrs.size_bytes = size_bytes;
    const bool is_new = files_.insert_or_assign(name, attrs).second;
    if (!watched_) return;
    env::TreeEvent event;
    event.kind = is_new ? env::TreeEvent::Kind::kCreated : env::TreeEvent::Kind::kClosed;
    event.dir = dir_;
    event.name = name;
    events_.push_back(std::move(event));
    news_.Set();
  }
  void Lose() {
    events_.emplace_back().kind = env::TreeEvent::Kind::kOverflow;
    news_.Set();
  }

  env::Task<std::vector<env::ListedDir>> List(std::vector<env::ListRequest> requests) override {
    std::vector<env::ListedDir> listed;
    for (const env::ListRequest& request : requests) {
      ++lists;
      env::ListedDir& answer = listed.emplace_back();
      answer.dir = dir_ = request.dir;
      watched_ = watched_ || request.watch;
      answer.self = self_;
      for (const auto& [name, attrs] : files_) answer.children.Append(name, attrs);
    }
    co_return listed;
  }
  env::Task<std::vector<env::StattedEntry>> Stat(std::vector<env::StatRequest> requests) override {
    std::vector<env::StattedEntry> statted;
    for (const env::StatRequest& request : requests) {
      fresh_stats += request.fresh ? 1 : 0;
      env::StattedEntry& answer = statted.emplace_back();
      answer.dir = request.dir;
      answer.name = request.name;
      const auto it = files_.find(request.name);
      answer.attrs = request.name.empty() || it == files_.end() ? self_ : it->second;
      if (!request.name.empty() && it == files_.end()) {
        answer.status = Status(Code::kNotFound, "no such entry");
      }
    }
    co_return statted;
  }
  env::Task<std::vector<env::TreeEvent>> NextEvents() override {
    while (events_.empty() && !stopped_) {
      const Status waited = co_await news_.Wait(Instant::Max(), {});
      FUSTOR_CHECK(waited.ok());
    }
    if (stopped_) co_return std::vector<env::TreeEvent>();
    co_return std::exchange(events_, {});
  }
  void StopEvents() override {
    stopped_ = true;
    news_.Set();
  }
  void Unwatch(std::vector<env::DirKey>) override {}
  Info info() const override {
    Info info;
    info.root = root_;
    info.watch_mechanism = "fake";
    info.watches = watched_ ? 1 : 0;
    return info;
  }

  // Without an event.
  void PutUnseen(const std::string& name, std::int64_t size_bytes) {
    files_[name].size_bytes = size_bytes;
  }
  void EraseUnseen(const std::string& name) { files_.erase(name); }

  int lists = 0;        // Directories listed so far.
  int fresh_stats = 0;  // Looks past all caches.

 private:
  const std::string root_;
  EntryAttrs self_{.kind = EntryKind::kDirectory};
  std::map<std::string, EntryAttrs> files_;
  std::uint64_t last_inode_ = 1;
  std::vector<env::TreeEvent> events_;
  env::Signal news_;
  env::DirKey dir_;
  bool watched_ = false;
  bool stopped_ = false;
};

// What a Fusion and the network do, as a test says.
class FakeLink final : public FusionLink {
 public:
  // One Report stream, which outlives the pipe's end of it.
  struct Wire {
    std::string session_id;
    std::vector<batch::Batch> batches;
    std::uint64_t acknowledged = 0;
    bool acks_itself = true;
    Status broken;  // Not Ok: operations fail with it.
    env::Signal news;

    void Ack(std::uint64_t sequence) {
      acknowledged = sequence;
      news.Set();
    }
    void Break(Status why) {
      if (broken.ok()) broken = std::move(why);
      news.Set();
    }
  };

  env::Task<Result<batch::SessionGrant>> Open(batch::SessionRequest request) override {
    requests.push_back(std::move(request));
    if (hang) co_return co_await Hang();
    if (!open_status.ok()) co_return open_status;
    batch::SessionGrant grant;
    grant.session_id = "s" + std::to_string(++last_session);
    grant.role = role;
    grant.timeout = timeout;
    grant.credit_bytes = credit_bytes;
    grant.audit_interval = audit_interval;
    grant.sentinel_interval = sentinel_interval;
    co_return grant;
  }
  env::Task<Result<batch::HeartbeatAnswer>> Beat(batch::Heartbeat beat) override {
    beats.push_back(std::move(beat));
    if (on_beat) on_beat();
    if (hang) co_return (co_await Hang()).status();
    if (!beat_status.ok()) co_return beat_status;
    batch::HeartbeatAnswer answer;
    answer.role = role;
    co_return answer;
  }
  env::Task<Status> Close(std::string session_id) override {
    closed.push_back(std::move(session_id));
    if (hang) co_return (co_await Hang()).status();
    co_return Status();
  }
  env::Task<Result<std::unique_ptr<ReportStream>>> Report(std::string session_id) override {
    ++reports;
    if (!report_status.ok()) co_return report_status;
    streams.push_back(std::make_shared<Wire>());
    streams.back()->session_id = std::move(session_id);
    streams.back()->acks_itself = acks_itself;
    co_return std::unique_ptr<ReportStream>(std::make_unique<Stream>(streams.back()));
  }
  env::Task<Result<std::vector<std::string>>> ListSuspects(std::string session_id,
                                                           std::stop_token) override {
    sweeps.push_back(std::move(session_id));
    if (!sweep_status.ok()) co_return sweep_status;
    co_return suspects;
  }
  env::Task<Result<std::vector<std::string>>> Sweep(std::string,
                                                    std::vector<batch::Sighting> sightings,
                                                    bool again, std::stop_token) override {
    (again ? sighted_again : sighted).push_back(std::move(sightings));
    co_return again ? differing_again : differing;
  }
  void CancelCalls() override {
    if (hanging_) (*hanging_)(Status(Code::kCancelled, "cancelled"));
    hanging_.reset();
  }

  // What it does.
  batch::Role role = batch::Role::kLeader;
  Nanos timeout = Seconds(30);
  Nanos audit_interval{0};
  Nanos sentinel_interval{0};
  std::vector<std::string> suspects;
  std::vector<std::string> differing;
  std::vector<std::string> differing_again;
  Status sweep_status;
  std::uint64_t credit_bytes = 1 << 20;
  Status open_status;
  Status beat_status;
  Status report_status;
  bool hang = false;
  bool acks_itself = true;
  std::function<void()> on_beat;
  // What it has seen.
  std::vector<batch::SessionRequest> requests;
  std::vector<batch::Heartbeat> beats;
  std::vector<std::string> closed;
  std::vector<std::string> sweeps;  // Sessions that have asked for suspects.
  std::vector<std::vector<batch::Sighting>> sighted;
  std::vector<std::vector<batch::Sighting>> sighted_again;
  std::vector<std::shared_ptr<Wire>> streams;
  int reports = 0;
  int last_session = 0;

 private:
  class Stream final : public ReportStream {
   public:
    explicit Stream(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
    env::Task<Result<std::uint64_t>> Send(const batch::Batch& batch) override {
      if (!wire_->broken.ok()) co_return wire_->broken;
      wire_->batches.push_back(batch);
      if (wire_->acks_itself) wire_->Ack(batch.sequence);
      co_return std::uint64_t{100};
    }
    env::Task<Result<std::uint64_t>> NextAck() override {
      while (wire_->acknowledged == told_ && wire_->broken.ok()) {
        const Status waited = co_await wire_->news.Wait(Instant::Max(), {});
        FUSTOR_CHECK(waited.ok());
      }
      if (!wire_->broken.ok()) co_return wire_->broken;
      told_ = wire_->acknowledged;
      co_return told_;
    }
    void Cancel() override { wire_->Break(Status(Code::kCancelled, "cancelled")); }

   private:
    const std::shared_ptr<Wire> wire_;
    std::uint64_t told_ = 0;
  };

  env::Task<Result<batch::SessionGrant>> Hang() {
    env::Completion<Status> done;
    hanging_ = done.resolver();
    Status status = co_await done.Wait();
    co_return status;
  }

  std::optional<env::Completion<Status>::Resolver> hanging_;
};

}  // namespace fustor::agent
