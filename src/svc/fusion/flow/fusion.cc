#include "svc/fusion/flow/fusion.h"

#include <algorithm>
#include <utility>

namespace fustor::fusion {

class Fusion::HostedView final : public View {
 public:
  HostedView(std::shared_ptr<Shard> shard, std::shared_ptr<Checkpoints> checkpoints,
             SessionHost& host, env::Executor& control)
      : shard_(std::move(shard)),
        checkpoints_(std::move(checkpoints)),
        host_(host),
        control_(control) {}

  const std::shared_ptr<Shard>& shard() const { return shard_; }
  // nullptr: the view keeps none.
  const std::shared_ptr<Checkpoints>& kept() const { return checkpoints_; }
  void Stop() {
    if (checkpoints_ != nullptr) checkpoints_->RequestStop();
    shard_->Stop();
  }

  const std::string& id() const override { return shard_->view_id(); }
  const std::string& driver() const override { return driver_; }
  std::vector<std::string> source_uris() const override {
    std::vector<std::string> uris;
    for (const ViewStatus::Reporter& reporter : shard_->status()->reporters) {
      if (!reporter.source_uri.empty()) uris.push_back(reporter.source_uri);
    }
    std::ranges::sort(uris);
    uris.erase(std::ranges::unique(uris).begin(), uris.end());
    return uris;
  }
  std::shared_ptr<const ViewStatus> status() const override { return shard_->status(); }
  Missing missing() const override { return shard_->missing(); }
  Result<tree::Snapshot> Pin() const override { return shard_->Pin(); }
  std::shared_ptr<const CheckpointStatus> checkpoints() const override {
    return checkpoints_ == nullptr ? nullptr : checkpoints_->status();
  }
  env::Task<Result<std::vector<CheckpointFile>>> ListCheckpoints() override {
    return checkpoints_ == nullptr ? View::ListCheckpoints() : checkpoints_->List();
  }
  env::Task<Result<std::shared_ptr<const LoadedCheckpoint>>> LoadCheckpoint(
      std::uint64_t number) override {
    return checkpoints_ == nullptr ? View::LoadCheckpoint(number) : checkpoints_->Load(number);
  }

  env::Task<std::vector<SessionInfo>> ListSessions() override {
    env::Task<std::vector<SessionInfo>> list = SessionsHere();
    co_return co_await env::RunOn(control_, std::move(list));
  }
  env::Task<std::vector<Arbiter::Suspect>> ListSuspects() override {
    return shard_->ListSuspects();
  }
  env::Task<Arbiter::BlindSpots> ListBlindSpots() override { return shard_->ListBlindSpots(); }
  env::Task<std::size_t> Sweep(std::vector<Arbiter::Sighting> sightings) override {
    return shard_->Sweep(std::move(sightings));
  }
  env::Task<Result<std::unique_ptr<ChangeReader>>> Follow(
      std::optional<FeedPosition> since) override {
    return shard_->Follow(since);
  }
  env::Task<Result<Jobs::Job>> StartScan(std::string path, bool recursive) override {
    env::Task<Result<Jobs::Job>> start = StartScanHere(std::move(path), recursive);
    co_return co_await env::RunOn(control_, std::move(start));
  }
  env::Task<std::vector<Jobs::Job>> ListJobs() override {
    env::Task<std::vector<Jobs::Job>> list = JobsHere();
    co_return co_await env::RunOn(control_, std::move(list));
  }
  env::Task<std::optional<Jobs::Job>> FindJob(std::string id) override {
    env::Task<std::optional<Jobs::Job>> find = JobHere(std::move(id));
    co_return co_await env::RunOn(control_, std::move(find));
  }
  env::Task<Status> Reset() override {
    env::Task<Status> reset = ResetHere();
    co_return co_await env::RunOn(control_, std::move(reset));
  }

 private:
  env::Task<std::vector<SessionInfo>> SessionsHere() { co_return host_.ListSessions(id()); }
  env::Task<Result<Jobs::Job>> StartScanHere(std::string path, bool recursive) {
    co_return host_.StartScan(id(), std::move(path), recursive);
  }
  env::Task<std::vector<Jobs::Job>> JobsHere() { co_return host_.ListJobs(id()); }
  env::Task<std::optional<Jobs::Job>> JobHere(std::string job_id) {
    co_return host_.FindJob(id(), job_id);
  }
  // The agents open new sessions at once and send what they see from the beginning.
  env::Task<Status> ResetHere() {
    host_.EndSessions(id(), "the view was reset");
    if (checkpoints_ == nullptr) {
      shard_->Reset();
      co_return Status();
    }
    // What is written behind the reset is of what is there then; what was written before it goes.
    (void)co_await shard_->ResetAndShow();
    co_return co_await checkpoints_->Discard();
  }

  const std::shared_ptr<Shard> shard_;
  const std::shared_ptr<Checkpoints> checkpoints_;
  SessionHost& host_;
  env::Executor& control_;
  const std::string driver_ = "fs";
};

namespace {

bool Same(const ViewConfig& a, const ViewConfig& b) {
  return a.driver == b.driver && a.hot_file_threshold == b.hot_file_threshold &&
         a.tombstone_ttl == b.tombstone_ttl && a.tree_items_max == b.tree_items_max &&
         a.delete_fraction_max == b.delete_fraction_max && a.availability == b.availability &&
         a.live_mode == b.live_mode && a.consistency_alarm == b.consistency_alarm &&
         a.feed == b.feed && a.checkpoint_interval == b.checkpoint_interval &&
         a.checkpoints_kept == b.checkpoints_kept && a.source == b.source;
}

// The trees that a pipe feeds: that of a view, or its own in a forest.
struct Feeding {
  std::string tree_id;
  std::string view_id;
};
std::vector<Feeding> LiveViews(const FusionConfig& config, const std::string& pipe_id,
                               const PipeConfig& pipe) {
  std::vector<Feeding> live;
  for (const std::string& view : pipe.views) {
    const auto it = config.views.find(view);
    if (it == config.views.end() || it->second.disabled) continue;
    const bool forest = it->second.driver == ViewConfig::Driver::kForestFs;
    live.push_back({forest ? MemberId(view, pipe_id) : view, view});
  }
  return live;
}

bool IsLive(const FusionConfig& config, const PipeConfig& pipe) {
  const auto receiver = config.receivers.find(pipe.receiver);
  return !pipe.disabled && receiver != config.receivers.end() && !receiver->second.disabled;
}

SessionHost::Pipe MakePipe(const FusionConfig& config, const std::string& id,
                           const PipeConfig& from) {
  SessionHost::Pipe pipe;
  pipe.id = id;
  pipe.receiver = from.receiver;
  for (const ReceiverConfig::ApiKey& key : config.receivers.at(from.receiver).api_keys) {
    if (key.pipe_id == id) pipe.keys.push_back(key.key);
  }
  std::ranges::sort(pipe.keys);
  pipe.sessions.policy =
      from.exclusive_sessions ? SessionPolicy::kExclusive : SessionPolicy::kShared;
  pipe.sessions.timeout_default = from.session_timeout;
  pipe.sessions.timeout_min = from.session_timeout_min;
  pipe.sessions.timeout_max = from.session_timeout_max;
  pipe.audit_interval = from.audit_interval;
  pipe.sentinel_interval = from.sentinel_interval;
  pipe.key_required = config.receivers.at(from.receiver).require_key_on_ingest;
  return pipe;
}

}  // namespace

Fusion::Fusion(Ports ports)
    : ports_(std::move(ports)),
      host_(ports_.control, ports_.random, ports_.log),
      catalog_(std::make_shared<const Catalog>()) {
  if (ports_.checkpoints) disk_tasks_.emplace(ports_.checkpoints->disk);
}

Fusion::~Fusion() {
  if (disk_tasks_) disk_tasks_->Abandon();
}

std::shared_ptr<Checkpoints> Fusion::MakeCheckpoints(const std::shared_ptr<Shard>& shard,
                                                     const ViewConfig& config) {
  // What a live view shows is nothing without its sessions.
  const bool kept = ports_.checkpoints && config.checkpoint_interval > Nanos(0) &&
                    !config.live_mode && config.checkpoints_kept > 0;
  if (!kept) return nullptr;
  Checkpoints::Options options;
  options.source = config.source;
  options.interval = config.checkpoint_interval;
  options.kept = config.checkpoints_kept;
  auto checkpoints = std::make_shared<Checkpoints>(std::move(options), *ports_.checkpoints,
                                                   *disk_tasks_, shard, ports_.metrics, ports_.log);
  checkpoints->Start();
  return checkpoints;
}

std::shared_ptr<Shard> Fusion::MakeShard(const std::string& id, const ViewConfig& config) {
  Shard::Options options;
  options.view_id = id;
  options.arbiter.hot_file_threshold = config.hot_file_threshold;
  options.arbiter.tombstone_ttl = config.tombstone_ttl;
  options.arbiter.max_tree_items = config.tree_items_max;
  options.arbiter.delete_fraction_max = config.delete_fraction_max;
  options.stale_ok = config.availability == ViewConfig::Availability::kStaleOk;
  options.live_mode = config.live_mode;
  options.consistency_alarm = config.consistency_alarm;
  options.feed = {.rows_max = config.feed.changes_max,
                  .bytes_max = config.feed.bytes_max,
                  .revision_bytes_max = config.feed.revision_bytes_max};
  options.feed_readers_max = config.feed.readers_max;
  options.feed_linger = config.feed.linger;
  env::Executor*& executor = executors_[id];
  if (executor == nullptr) executor = &ports_.shard_executor(id);
  auto shard = std::make_shared<Shard>(std::move(options), *executor, ports_.log);
  AddMetrics(shard);
  return shard;
}

void Fusion::AddMetrics(const std::shared_ptr<Shard>& shard) {
  MetricRegistry& metrics = ports_.metrics;
  const MetricLabels labels = {{"view", shard->view_id()}};
  Gauge& ready = metrics.AddGauge("fustor_fusion_view_ready", "1 when the view answers.", labels);
  Gauge& entries =
      metrics.AddGauge("fustor_fusion_tree_entries", "Entries in the tree, its root too.", labels);
  Gauge& bytes = metrics.AddGauge("fustor_fusion_tree_bytes", "Memory of the tree.", labels);
  Gauge& retired = metrics.AddGauge("fustor_fusion_tree_retired_bytes",
                                    "Of it, kept only for readers of old revisions.", labels);
  Gauge& suspects =
      metrics.AddGauge("fustor_fusion_suspect_files", "Files that may still change.", labels);
  Gauge& refused =
      metrics.AddGauge("fustor_fusion_refused_items", "Refused by max_tree_items.", labels);
  Gauge& alarm = metrics.AddGauge("fustor_fusion_delete_alarm",
                                  "1 while scans delete nothing (max_delete_fraction).", labels);
  Gauge& rows = metrics.AddGauge("fustor_fusion_rows_applied", "Rows of agents applied.", labels);
  Gauge& changed = metrics.AddGauge("fustor_fusion_rows_changed",
                                    "Entries that these made, altered, moved or removed.", labels);
  Gauge& readers = metrics.AddGauge("fustor_fusion_feed_readers", "Readers of changes.", labels);
  Gauge& changes =
      metrics.AddGauge("fustor_fusion_feed_changes", "Changes kept for readers.", labels);
  Gauge& feed_bytes = metrics.AddGauge("fustor_fusion_feed_bytes", "Memory of these.", labels);
  Gauge& resets = metrics.AddGauge("fustor_fusion_feed_resets",
                                   "Readers that lost their place, since the start.", labels);
  metrics.OnScrape([weak = std::weak_ptr(shard), &ready, &entries, &bytes, &retired, &suspects,
                    &refused, &alarm, &rows, &changed, &readers, &changes, &feed_bytes, &resets] {
    const std::shared_ptr<Shard> view = weak.lock();
    if (view == nullptr) return;
    const std::shared_ptr<const ViewStatus> status = view->status();
    ready.Set(status->ready ? 1 : 0);
    entries.Set(static_cast<std::int64_t>(status->memory.entries));
    bytes.Set(static_cast<std::int64_t>(status->memory.bytes));
    retired.Set(static_cast<std::int64_t>(status->memory.retired_bytes));
    suspects.Set(static_cast<std::int64_t>(status->suspect_count));
    refused.Set(static_cast<std::int64_t>(status->refused));
    alarm.Set(status->alarm ? 1 : 0);
    rows.Set(static_cast<std::int64_t>(status->rows_applied));
    changed.Set(static_cast<std::int64_t>(status->rows_changed));
    readers.Set(static_cast<std::int64_t>(status->feed_readers));
    changes.Set(static_cast<std::int64_t>(status->feed_rows));
    feed_bytes.Set(static_cast<std::int64_t>(status->feed_bytes));
    resets.Set(static_cast<std::int64_t>(status->feed_resets));
  });
}

void Fusion::AddView(const std::string& id, const std::string& config_id, const ViewConfig& config,
                     Catalog* next) {
  const std::shared_ptr<const Catalog> old = catalog_.Get();
  const auto had = configured_.find(config_id);
  const auto kept = old->views.find(id);
  const bool same =
      had != configured_.end() && kept != old->views.end() && Same(had->second, config);
  if (same) {
    next->views.emplace(id, kept->second);
    return;
  }
  const std::shared_ptr<Shard> shard = MakeShard(id, config);
  next->views.emplace(id, std::make_shared<HostedView>(shard, MakeCheckpoints(shard, config), host_,
                                                       ports_.control));
}

Status Fusion::Configure(const FusionConfig& config) {
  const std::shared_ptr<const Catalog> old = catalog_.Get();
  auto catalog = std::make_shared<Catalog>();
  for (const auto& [id, view] : config.views) {
    if (view.disabled) continue;
    if (view.driver == ViewConfig::Driver::kForestFs) {
      catalog->forests[id];
    } else {
      AddView(id, id, view, catalog.get());
    }
    for (const std::string& key : view.api_keys) {
      Access& access = catalog->keys[key];
      access.known = true;
      access.views.push_back(id);
    }
  }
  catalog->managed = !config.management_keys.empty();
  for (const std::string& key : config.management_keys) {
    catalog->keys[key] = {.known = true, .views = {}, .pipe = "", .management = true};
  }
  std::vector<SessionHost::Pipe> pipes;
  for (const auto& [id, from] : config.pipes) {
    if (!IsLive(config, from)) continue;
    SessionHost::Pipe pipe = MakePipe(config, id, from);
    std::vector<std::string> trees;
    for (const auto& [tree, view] : LiveViews(config, id, from)) {
      if (tree != view) {
        AddView(tree, view, config.views.at(view), catalog.get());
        catalog->forests[view].push_back(tree);
        for (const std::string& key : config.views.at(view).api_keys) {
          catalog->keys[key].views.push_back(tree);
        }
      }
      trees.push_back(tree);
      pipe.shards.push_back(catalog->views.at(tree)->shard());
    }
    for (const std::string& key : pipe.keys) {
      Access& access = catalog->keys[key];
      access.known = true;
      access.pipe = id;
      access.views.insert(access.views.end(), trees.begin(), trees.end());
    }
    pipes.push_back(std::move(pipe));
  }
  host_.SetPipes(std::move(pipes));
  for (const auto& [id, view] : old->views) {
    const auto now = catalog->views.find(id);
    if (now == catalog->views.end() || now->second != view) view->Stop();
  }
  configured_ = config.views;
  catalog_.Set(std::move(catalog));
  return {};
}

env::Task<void> Fusion::Stop() {
  host_.Stop();
  const std::shared_ptr<const Catalog> catalog = catalog_.Get();
  if (ports_.checkpoints) {
    const Instant deadline = ports_.control.clock().Now() + kLastCheckpoints;
    for (const auto& [id, view] : catalog->views) {
      if (view->kept() != nullptr) (void)co_await view->kept()->Stop(deadline);
    }
  }
  for (const auto& [id, view] : catalog->views) view->Stop();
  co_return;
}

std::shared_ptr<View> Fusion::Find(std::string_view id) const {
  const std::shared_ptr<const Catalog> catalog = catalog_.Get();
  const auto it = catalog->views.find(id);
  return it == catalog->views.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<View>> Fusion::All() const {
  const std::shared_ptr<const Catalog> catalog = catalog_.Get();
  std::vector<std::shared_ptr<View>> all;
  all.reserve(catalog->views.size());
  for (const auto& [id, view] : catalog->views) all.push_back(view);
  return all;
}

std::optional<std::vector<std::shared_ptr<View>>> Fusion::Members(std::string_view forest) const {
  const std::shared_ptr<const Catalog> catalog = catalog_.Get();
  const auto found = catalog->forests.find(forest);
  if (found == catalog->forests.end()) return std::nullopt;
  std::vector<std::shared_ptr<View>> members;
  for (const std::string& id : found->second) members.push_back(catalog->views.at(id));
  return members;
}

Fusion::Access Fusion::Check(std::string_view key) const {
  const std::shared_ptr<const Catalog> catalog = catalog_.Get();
  const auto it = catalog->keys.find(key);
  return it == catalog->keys.end() ? Access() : it->second;
}

}  // namespace fustor::fusion
