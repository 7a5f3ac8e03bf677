#include "sim/scenarios/witness.h"

#include <algorithm>

#include "base/path.h"
#include "sim/scenarios/forwarding_link.h"

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

// From a deed to its event, unless the host stands still.
constexpr Nanos kSlowestNews = Seconds(10);
// What was sent so long ago has arrived, or never will.
constexpr Nanos kForgotten = Seconds(200);

}  // namespace

// Tells the witness of sessions and of what is reported in them.
class WitnessLink final : public ForwardingLink {
 public:
  WitnessLink(std::unique_ptr<agent::FusionLink> link, Witness& witness, std::string agent)
      : ForwardingLink(std::move(link)), witness_(witness), agent_(std::move(agent)) {}
  env::Task<Result<batch::SessionGrant>> Open(batch::SessionRequest request) override {
    Result<batch::SessionGrant> grant = co_await link().Open(std::move(request));
    if (grant.ok()) witness_.OnSession(agent_);
    co_return grant;
  }

 private:
  std::unique_ptr<agent::ReportStream> Around(
      std::unique_ptr<agent::ReportStream> stream) override {
    return std::make_unique<WitnessStream>(std::move(stream), witness_, agent_);
  }

  Witness& witness_;
  const std::string agent_;
};

std::unique_ptr<agent::FusionLink> Witness::Wrap(std::unique_ptr<agent::FusionLink> link,
                                                 std::string agent) {
  return std::make_unique<WitnessLink>(std::move(link), *this, std::move(agent));
}

// --- The file system -----------------------------------------------------------------------------

void Witness::OnRecord(const Record& record) {
  const Deed now{world_.now(), fs_.Now().ns};
  switch (record.what) {
    case Record::What::kCreate: {
      made_[{record.dir, record.name}] = now;
      const std::optional<NodeId> node = fs_.Find(record.dir, record.name);
      if (node && !record.is_directory && fs_.AttrsOf(*node).nlink > 1) {
        linked_.insert(fs_.AttrsOf(*node).inode);
      }
      return;
    }
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

void Witness::OnSession(const std::string& agent) {
  const int sessions = agents_[agent].sessions;
  agents_[agent] = Agent();
  agents_[agent].sessions = sessions + 1;
}

void Witness::OnStandstill(const std::string& agent, Nanos length) {
  Instant& until = still_until_[agent];
  until = std::max(until, world_.now() + length);
}

void Witness::Remove(const std::string& agent, std::string path, bool is_certain,
                     Pending* pending) {
  auto removal = std::make_shared<Removal>(
      Removal{std::move(path), is_certain, agent, ++order_, world_.now(), {}});
  removals_.push_back(removal);
  pending->removals.push_back(std::move(removal));
}

void Witness::OnBatch(const std::string& agent, const batch::Batch& batch) {
  Agent& state = agents_[agent];
  if (batch.sequence <= state.last_sequence) return;  // Sent again.
  state.last_sequence = batch.sequence;
  rows_sent_ += batch.row_count();
  Pending& pending = state.pending.emplace_back();
  pending.sequence = batch.sequence;
  pending.lost_events = batch.lost_events;
  if (batch.lost_events) {
    state.lost_at = batch.sequence;
    state.told_of_loss = world_.now();
    state.loss_known_since.reset();
  }
  if (batch.source == batch::Source::kRealtime) {
    OnRealtime(agent, batch, &pending);
  } else {
    OnScan(batch, &state);
  }
}

void Witness::OnScan(const batch::Batch& batch, Agent* state) {
  for (const batch::DirBlock& block : batch.blocks) {
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      state->listed[JoinPath(block.path, block.rows.name(i))] = {world_.now(),
                                                                 block.rows.attrs(i).inode};
    }
  }
  if (batch.mark == batch::ScanMark::kBegin) state->scans[batch.scan_id] = batch.sequence;
  if (batch.mark != batch::ScanMark::kEnd) return;
  scan_ended_at_ = world_.now();
  const auto scan = state->scans.find(batch.scan_id);
  if (scan == state->scans.end()) return;
  if (scan->second >= state->lost_at) state->lost_at = 0;
  state->scans.erase(scan);
}

// Whatever an agent has seen before it makes a listing, it tells before it sends that. So a
// deletion is no news of what the same session has listed, unless it happened after the listing was
// made.
void Witness::CheckPromised(const std::string& agent, const std::string& path) {
  const Agent& state = agents_[agent];
  const auto listed = state.listed.find(path);
  if (listed == state.listed.end()) return;
  const std::optional<Deed> since = LiesThereSince(path);
  const std::optional<Deed> gone = GoneSince(path);
  if (!since || !gone || since->at > listed->second.at) return;
  const Result<NodeId> node = fs_.Resolve(path);
  if (!node.ok() || fs_.AttrsOf(*node).inode != listed->second.inode) return;  // From a cache.
  if (since->at - gone->at < kSlowestNews) return;
  const auto still = still_until_.find(agent);
  if (still != still_until_.end() && gone->at < still->second) return;
  broken_.push_back(agent + " has listed '" + PrintablePath(path) +
                    "' and then told of a deletion before that");
}

// Two hosts see two things under one name, one of them from its caches; nobody can say who.
bool Witness::IsBelowAFileOf(const std::string& other_than, std::string_view path) const {
  while ((path = SplitPath(path).first).size() > 1) {
    const auto told = tellings_.find(std::string(path));
    if (told != tellings_.end() && told->second->agent != other_than &&
        !told->second->attrs.is_directory()) {
      return true;
    }
  }
  return false;
}

void Witness::Tell(const std::string& agent, const std::string& path, const EntryAttrs& attrs,
                   Pending* pending) {
  std::shared_ptr<Telling>& last = tellings_[path];
  const bool old = last == nullptr || world_.now() - last->sent > kForgotten;
  auto telling = std::make_shared<Telling>();
  telling->attrs = attrs;
  telling->sent = world_.now();
  telling->agent = agent;
  telling->order = ++order_;
  telling->certain = (old || (last->certain && (last->taken || last->agent == agent))) &&
                     !IsBelowAFileOf(agent, path);
  pending->tellings.push_back(telling);
  last = std::move(telling);
}

void Witness::OnRealtime(const std::string& agent, const batch::Batch& batch, Pending* pending) {
  const auto confirm = [this](std::string path, std::int64_t ctime_ns) {
    std::int64_t& latest = confirmed_[std::move(path)];
    latest = std::max(latest, ctime_ns);
  };
  for (const Change& change : batch.changes) {
    switch (change.kind) {
      case Change::Kind::kDelete:
        CheckPromised(agent, change.path);
        Remove(agent, change.path, true, pending);
        break;
      case Change::Kind::kMove:
        CheckPromised(agent, change.old_path);
        Remove(agent, change.old_path, true, pending);
        Remove(agent, change.path, false, pending);
        break;
      case Change::Kind::kUpsert:
        ++told_;
        confirm(change.path, change.attrs.ctime_ns);
        if (!change.attrs.is_directory()) Remove(agent, change.path + "/", false, pending);
        Tell(agent, change.path, change.attrs, pending);
        break;
    }
  }
  for (const batch::DirBlock& block : batch.blocks) {
    Remove(agent, block.path == "/" ? "/" : block.path + "/", false, pending);
    if (block.self.inode != 0) Tell(agent, block.path, block.self, pending);
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      const std::string path = JoinPath(block.path, block.rows.name(i));
      confirm(path, block.rows.attrs(i).ctime_ns);
      Tell(agent, path, block.rows.attrs(i), pending);
    }
  }
}

void Witness::OnAcknowledged(const std::string& agent, std::uint64_t sequence) {
  Agent& state = agents_[agent];
  while (!state.pending.empty() && state.pending.front().sequence <= sequence) {
    const Pending& pending = state.pending.front();
    for (const auto& removal : pending.removals) removal->taken = world_.now();
    for (const auto& telling : pending.tellings) telling->taken = world_.now();
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

void Witness::VisitTrueTellings(
    Instant until, const std::function<void(const std::string&, const Telling&)>& visit) {
  for (auto it = tellings_.begin(); it != tellings_.end();) {
    const auto& [path, telling] = *it;
    const Result<NodeId> node = fs_.Resolve(path);
    const bool is_true = node.ok() && fs_.AttrsOf(*node) == telling->attrs;
    if (is_true && telling->certain && telling->taken && *telling->taken < until) {
      visit(path, *telling);
    }
    it =
        is_true || world_.now() - telling->sent <= kForgotten ? std::next(it) : tellings_.erase(it);
  }
}

bool Witness::MayHaveBeenRemovedSince(std::string_view path, const Telling& telling) const {
  return std::any_of(removals_.rbegin(), removals_.rend(), [&](const auto& removal) {
    const bool later = removal->agent == telling.agent
                           ? removal->order > telling.order
                           : !removal->taken || *removal->taken >= telling.sent;
    return later && Covers(removal->path, path);
  });
}

std::optional<Instant> Witness::ToldOfLoss(const std::string& agent) const {
  const auto it = agents_.find(agent);
  return it == agents_.end() ? std::nullopt : it->second.told_of_loss;
}

int Witness::SessionsOf(const std::string& agent) const {
  const auto it = agents_.find(agent);
  return it == agents_.end() ? 0 : it->second.sessions;
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
  told_ = rows_sent_ = 0;
  tellings_.clear();
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
