#include "sim/scenarios/witness.h"

#include <algorithm>
#include <functional>

#include "base/path.h"

namespace fustor::sim {

using batch::Change;

class WitnessStream final : public agent::ReportStream {
 public:
  WitnessStream(std::unique_ptr<agent::ReportStream> stream, Witness& witness, std::string agent)
      : stream_(std::move(stream)), witness_(witness), agent_(std::move(agent)) {}
  env::Task<Result<std::uint64_t>> Send(const batch::Batch& batch) override {
    witness_.OnBatch(agent_, batch);
    return stream_->Send(batch);
  }
  env::Task<Result<std::uint64_t>> NextAck() override {
    Result<std::uint64_t> sequence = co_await stream_->NextAck();
    if (sequence.ok()) witness_.OnAcknowledged(agent_, *sequence);
    co_return sequence;
  }
  void Cancel() override { stream_->Cancel(); }

 private:
  const std::unique_ptr<agent::ReportStream> stream_;
  Witness& witness_;
  const std::string agent_;
};

namespace {

class WitnessLink final : public agent::FusionLink {
 public:
  using Begun = std::function<void()>;
  using Around =
      std::function<std::unique_ptr<agent::ReportStream>(std::unique_ptr<agent::ReportStream>)>;
  WitnessLink(std::unique_ptr<agent::FusionLink> link, Begun begun, Around around)
      : link_(std::move(link)), begun_(std::move(begun)), around_(std::move(around)) {}
  env::Task<Result<batch::SessionGrant>> Open(batch::SessionRequest request) override {
    Result<batch::SessionGrant> grant = co_await link_->Open(std::move(request));
    if (grant.ok()) begun_();
    co_return grant;
  }
  env::Task<Result<batch::HeartbeatAnswer>> Beat(batch::Heartbeat beat) override {
    return link_->Beat(std::move(beat));
  }
  env::Task<Status> Close(std::string session_id) override {
    return link_->Close(std::move(session_id));
  }
  env::Task<Result<std::unique_ptr<agent::ReportStream>>> Report(std::string session_id) override {
    Result<std::unique_ptr<agent::ReportStream>> opened =
        co_await link_->Report(std::move(session_id));
    if (!opened.ok()) co_return opened.status();
    co_return around_(std::move(opened).value());
  }
  void CancelCalls() override { link_->CancelCalls(); }
  void CancelReport() override { link_->CancelReport(); }

 private:
  const std::unique_ptr<agent::FusionLink> link_;
  const Begun begun_;
  const Around around_;
};

}  // namespace

std::unique_ptr<agent::FusionLink> Witness::Wrap(std::unique_ptr<agent::FusionLink> link,
                                                 std::string agent) {
  return std::make_unique<WitnessLink>(
      std::move(link), [this, agent] { OnSession(agent); },
      [this, agent](std::unique_ptr<agent::ReportStream> stream) {
        return std::make_unique<WitnessStream>(std::move(stream), *this, agent);
      });
}

// --- The file system -----------------------------------------------------------------------------

void Witness::OnRecord(const Record& record) {
  const Deed now{world_.now(), fs_.Now().ns};
  switch (record.what) {
    case Record::What::kCreate:
      made_[{record.dir, record.name}] = now;
      return;
    case Record::What::kDelete:
      made_.erase({record.dir, record.name});
      gone_[{record.dir, record.name}] = now;
      return;
    case Record::What::kRename:
      made_.erase({record.dir, record.name});
      gone_[{record.dir, record.name}] = now;
      made_[{record.to_dir, record.to_name}] = now;
      return;
    default:
      return;
  }
}

std::optional<Witness::Deed> Witness::LiesThereSince(std::string_view path) const {
  Deed since;
  NodeId at = FileSystem::kRoot;
  std::string_view rest = path == "/" ? std::string_view() : path;
  while (!rest.empty()) {
    const std::string name(NextComponent(&rest));
    const auto made = made_.find({at, name});
    if (made != made_.end() && made->second.at >= since.at) since = made->second;
    const std::optional<NodeId> next = fs_.Find(at, name);
    if (!next) return std::nullopt;
    at = *next;
  }
  return since;
}

std::optional<Witness::Deed> Witness::GoneSince(std::string_view path) const {
  const auto [parent, name] = SplitPath(path);
  const Result<NodeId> dir = fs_.Resolve(parent);
  if (!dir.ok()) return std::nullopt;
  const auto it = gone_.find({*dir, std::string(name)});
  if (it == gone_.end()) return std::nullopt;
  return it->second;
}

// --- The agents ----------------------------------------------------------------------------------

void Witness::OnSession(const std::string& agent) { agents_[agent] = Agent(); }

void Witness::Remove(std::string path, bool is_certain, Pending* pending) {
  auto removal = std::make_shared<Removal>(Removal{std::move(path), is_certain, world_.now(), {}});
  removals_.push_back(removal);
  pending->removals.push_back(std::move(removal));
}

void Witness::OnBatch(const std::string& agent, const batch::Batch& batch) {
  Agent& state = agents_[agent];
  if (batch.sequence <= state.last_sequence) return;  // Sent again.
  state.last_sequence = batch.sequence;
  Pending& pending = state.pending.emplace_back();
  pending.sequence = batch.sequence;
  pending.lost_events = batch.lost_events;
  if (batch.lost_events) {
    state.lost_at = batch.sequence;
    state.loss_known_since.reset();
  }
  if (batch.source == batch::Source::kRealtime) {
    OnRealtime(batch, &pending);
  } else {
    OnScan(batch, &state);
  }
}

void Witness::OnScan(const batch::Batch& batch, Agent* state) {
  if (batch.mark == batch::ScanMark::kBegin) state->scans[batch.scan_id] = batch.sequence;
  if (batch.mark != batch::ScanMark::kEnd) return;
  scan_ended_at_ = world_.now();
  const auto scan = state->scans.find(batch.scan_id);
  if (scan == state->scans.end()) return;
  if (scan->second >= state->lost_at) state->lost_at = 0;
  state->scans.erase(scan);
}

void Witness::OnRealtime(const batch::Batch& batch, Pending* pending) {
  const auto confirm = [this](std::string path, std::int64_t ctime_ns) {
    std::int64_t& latest = confirmed_[std::move(path)];
    latest = std::max(latest, ctime_ns);
  };
  for (const Change& change : batch.changes) {
    switch (change.kind) {
      case Change::Kind::kDelete:
        Remove(change.path, true, pending);
        break;
      case Change::Kind::kMove:
        Remove(change.old_path, true, pending);
        Remove(change.path, false, pending);
        break;
      case Change::Kind::kUpsert:
        ++told_;
        confirm(change.path, change.attrs.ctime_ns);
        if (!change.attrs.is_directory()) Remove(change.path + "/", false, pending);
        break;
    }
  }
  for (const batch::DirBlock& block : batch.blocks) {
    Remove(block.path == "/" ? "/" : block.path + "/", false, pending);
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      confirm(JoinPath(block.path, block.rows.name(i)), block.rows.attrs(i).ctime_ns);
    }
  }
}

void Witness::OnAcknowledged(const std::string& agent, std::uint64_t sequence) {
  Agent& state = agents_[agent];
  while (!state.pending.empty() && state.pending.front().sequence <= sequence) {
    const Pending& pending = state.pending.front();
    for (const auto& removal : pending.removals) removal->taken = world_.now();
    if (pending.lost_events && pending.sequence == state.lost_at)
      state.loss_known_since = world_.now();
    state.pending.pop_front();
  }
}

bool Witness::WasConfirmed(const std::string& path, std::int64_t since_file_ns) const {
  const auto it = confirmed_.find(path);
  return it != confirmed_.end() && it->second >= since_file_ns;
}

namespace {

bool Covers(const std::string& removed, std::string_view path) {
  if (removed.size() > 1 && removed.back() == '/') return path.starts_with(removed);
  return IsWithin(path, removed);
}

}  // namespace

bool Witness::MayHaveBeenRemoved(std::string_view path, Instant from) const {
  return std::any_of(removals_.begin(), removals_.end(), [&](const auto& removal) {
    return (!removal->taken || *removal->taken >= from) && Covers(removal->path, path);
  });
}

bool Witness::WasToldGone(std::string_view path, Instant since, Instant until) const {
  return std::any_of(removals_.begin(), removals_.end(), [&](const auto& removal) {
    return removal->is_certain && removal->path == path && removal->sent >= since &&
           removal->taken && *removal->taken <= until;
  });
}

std::optional<Instant> Witness::UncertainSince(const std::string& agent) const {
  const auto it = agents_.find(agent);
  if (it == agents_.end() || it->second.lost_at == 0) return std::nullopt;
  const std::optional<Instant> since = it->second.loss_known_since;
  return since && scan_ended_at_ >= *since ? std::nullopt : since;
}

void Witness::OnFusionGone() {
  told_ = 0;
  // No tombstone outlives it. What it has not acknowledged may be sent again, or not.
  std::erase_if(removals_, [](const auto& removal) { return removal->taken.has_value(); });
  for (auto& [name, agent] : agents_) {
    agent.lost_at = 0;
    agent.pending.clear();
  }
}

void Witness::ForgetBefore(Instant time) {
  while (!removals_.empty() && removals_.front()->sent < time) removals_.pop_front();
}

}  // namespace fustor::sim
