// fixtures_testing.h: a Fusion on one executor that a test drives by hand.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/path.h"
#include "base/unread_metrics.h"
#include "env/hand_driven_testing.h"
#include "env/task_group.h"
#include "svc/fusion/flow/file_fakes_testing.h"
#include "svc/fusion/flow/fusion.h"

namespace fustor::fusion {

class CountingRandom final : public env::Random {
 public:
  void Fill(std::span<std::byte> out) override {
    for (std::byte& b : out) b = std::byte{static_cast<unsigned char>(++count_)};
  }

 private:
  unsigned count_ = 0;
};

// Views "one" (key "q1") and "two" (keys "q1", "q2"); pipe "p1" feeds view one (push key "k1"),
// pipe "p2" feeds both (push key "k2"), through receiver "agents".
inline FusionConfig TwoViews() {
  FusionConfig config;
  config.receivers["agents"].api_keys = {{"k1", "p1"}, {"k2", "p2"}};
  config.views["one"].api_keys = {"q1"};
  config.views["two"].api_keys = {"q1", "q2"};
  config.pipes["p1"].receiver = "agents";
  config.pipes["p1"].views = {"one"};
  config.pipes["p2"].receiver = "agents";
  config.pipes["p2"].views = {"one", "two"};
  return config;
}

// Only view "one", fed by pipe "p1" alone.
inline FusionConfig OneView() {
  FusionConfig config = TwoViews();
  config.views.erase("two");
  config.pipes.erase("p2");
  config.receivers["agents"].api_keys.pop_back();
  return config;
}

// A snapshot of the whole tree in one batch: files with these names in the root.
inline batch::Batch WholeSnapshot(std::uint64_t sequence, const std::vector<std::string>& names,
                                  batch::ScanMark mark) {
  batch::Batch batch;
  batch.sequence = sequence;
  batch.source = batch::Source::kSnapshot;
  batch.scan_id = 1;
  batch.mark = mark;
  if (mark == batch::ScanMark::kBegin) batch.scan_path = "/";
  if (mark != batch::ScanMark::kEnd) {
    batch::DirBlock& block = batch.blocks.emplace_back();
    block.path = "/";
    block.self.kind = EntryKind::kDirectory;
    block.self.mode = 040755;
    block.complete = true;
    for (const std::string& name : names) {
      EntryAttrs attrs;
      attrs.kind = EntryKind::kFile;
      attrs.mode = 0100644;
      attrs.mtime_ns = 1;
      block.rows.Append(name, attrs, "");
    }
  }
  return batch;
}

struct World {
  explicit World(FusionConfig config = OneView(), FakeDisk* disk = nullptr)
      : fusion({hand, [this](const std::string&) -> env::Executor& { return hand; }, random,
                metrics, Logger(), OnDisk(disk)}) {
    const Status configured = fusion.Configure(config);
    FUSTOR_CHECK(configured.ok(), configured.message());
    hand.RunAll();
  }
  ~World() {
    if (!stops) return;
    Await(fusion.Stop());
    hand.RunAll();
  }

  std::optional<CheckpointPorts> OnDisk(FakeDisk* disk) {
    if (disk == nullptr) return std::nullopt;
    return CheckpointPorts{hand, *disk, *disk, "/home/checkpoints"};
  }

  template <class T>
  env::Task<void> Keep(env::Task<T> task, std::optional<T>* out) {
    out->emplace(co_await std::move(task));
  }
  env::Task<void> Keep(env::Task<void> task, bool* out) {
    co_await std::move(task);
    *out = true;
  }
  // Runs everything that can run; the task must be among it.
  template <class T>
  T Await(env::Task<T> task) {
    std::optional<T> result;
    env::TaskGroup group(hand);
    group.Spawn(Keep(std::move(task), &result));
    hand.RunAll();
    FUSTOR_CHECK(result.has_value(), "the task still waits");
    return *std::move(result);
  }
  void Await(env::Task<void> task) {
    bool ended = false;
    env::TaskGroup group(hand);
    group.Spawn(Keep(std::move(task), &ended));
    hand.RunAll();
    FUSTOR_CHECK(ended, "the task still waits");
  }

  batch::SessionGrant OpenSession(const std::string& task_id, const std::string& key = "k1") {
    batch::SessionRequest request;
    request.task_id = task_id;
    request.agent_id = task_id;
    request.source_uri = "/data";
    Result<batch::SessionGrant> grant = fusion.sessions().Open({"agents", key, "peer"}, request);
    FUSTOR_CHECK(grant.ok(), grant.status().message());
    hand.RunAll();
    return *std::move(grant);
  }
  Result<SessionHost::Ticket> Join(const std::string& session_id, const std::string& key = "k1") {
    return fusion.sessions().Join({"agents", key, "peer"}, session_id);
  }
  // What each shard of the ticket said.
  std::vector<Status> Deliver(const SessionHost::Ticket& ticket, batch::Batch batch) {
    std::vector<Status> answers;
    const auto shared = std::make_shared<const batch::Batch>(std::move(batch));
    for (const auto& shard : ticket.shards) {
      shard->Deliver(ticket.session, shared, [&](Status s) { answers.push_back(std::move(s)); });
    }
    hand.RunAll();
    return answers;
  }
  void SendSnapshot(const SessionHost::Ticket& ticket, const std::vector<std::string>& names,
                    std::uint64_t first_sequence = 1) {
    Deliver(ticket, WholeSnapshot(first_sequence, names, batch::ScanMark::kBegin));
    Deliver(ticket, WholeSnapshot(first_sequence + 1, names, batch::ScanMark::kEnd));
  }
  bool Has(const std::string& view, const std::string& path) {
    const Result<tree::Snapshot> pinned = fusion.Find(view)->Pin();
    return pinned.ok() && pinned->Find(path).has_value();
  }
  std::shared_ptr<const ViewStatus> status(const std::string& view) {
    return fusion.Find(view)->status();
  }

  bool stops = true;  // In the end in order, or as by a power cut.
  env::HandDrivenExecutor hand;
  CountingRandom random;
  UnreadMetrics metrics;
  Fusion fusion;
};

}  // namespace fustor::fusion
