#include "svc/agent/flow/source.h"

#include <algorithm>
#include <utility>

#include "base/path.h"

namespace fustor::agent {

Source::Source(Options options, env::Executor& executor, env::Tree& tree, Logger log)
    : options_(options),
      executor_(executor),
      tree_(tree),
      log_(std::move(log)),
      bus_(std::make_unique<Bus>(options.bus)),
      observer_(std::make_unique<Observer>(options.observer, *bus_)),
      tasks_(executor) {}

void Source::Start() {
  tasks_.Spawn(ReadEvents());
  tasks_.Spawn(KeepTime());
}

env::Task<void> Source::Stop() {
  stopping_ = true;
  tree_.StopEvents();
  tasks_.RequestStop();
  co_await tasks_.Join();
}

void Source::StartScan() {
  observer_->StartScan();
  Pump();
}

void Source::StartWatching() {
  observer_->StartWatching();
  Pump();
}

bool Source::StartAudit() {
  const bool started = observer_->StartAudit();
  Pump();
  return started;
}

env::Task<std::vector<batch::Sighting>> Source::Sight(std::vector<std::string> paths) {
  std::vector<batch::Sighting> sightings;
  std::sort(paths.begin(), paths.end());  // Those of one directory next to each other.
  std::vector<env::StatRequest> requests;
  for (const std::string& path : paths) {
    const auto [parent, name] = SplitPath(path);
    const std::optional<DirKey> dir = observer_->FindDirectory(parent);
    if (!dir || name.empty()) continue;
    const std::uint64_t inode = *dir == DirTable::kRoot ? 0 : observer_->dirs().InodeOf(*dir);
    requests.push_back({*dir, std::string(parent), inode, std::string(name), /*fresh=*/true});
  }
  std::vector<env::StattedEntry> seen = co_await tree_.Stat(requests);
  if (stopping_) co_return sightings;
  std::vector<std::string> gone;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    std::string path = JoinPath(requests[i].dir_path, requests[i].name);
    const EntryAttrs& a = seen[i].attrs;
    if (!seen[i].status.ok() || a.is_directory()) {
      gone.push_back(std::move(path));
    } else {
      sightings.push_back({std::move(path), a.mtime_ns, a.size_bytes, a.ctime_ns});
    }
  }
  LookAgain(gone);
  co_return sightings;
}

void Source::LookAgain(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) observer_->LookAgain(path, executor_.clock().Now());
  Pump();
}

void Source::StartJob(std::string job_id, std::string path, bool recursive) {
  observer_->StartJob(std::move(job_id), std::move(path), recursive);
  Pump();
}

std::optional<batch::Batch> Source::Take() {
  std::optional<batch::Batch> batch = bus_->Take(observer_->dirs());
  if (batch) Pump();  // There may be room for more listings now.
  return batch;
}

void Source::Restart() {
  bus_->Clear();
  observer_->DropJobs();
}

env::Task<void> Source::ReadEvents() {
  for (;;) {
    std::vector<env::TreeEvent> events = co_await tree_.NextEvents();
    if (events.empty() || stopping_) co_return;
    const std::uint64_t overflows = observer_->counters().overflows;
    observer_->OnEvents(std::move(events), executor_.clock().Now());
    if (observer_->counters().overflows != overflows) {
      log_.Warn("events were lost, scanning again", {{"root", tree_.info().root}});
    }
    Pump();
  }
}

env::Task<void> Source::KeepTime() {
  const std::stop_token stop = tasks_.stop_token();
  while (!stop.stop_requested()) {
    const Instant due = observer_->NextDue().value_or(Instant::Max());
    const Status woken = co_await due_.Wait(due, stop);
    if (woken.code() == Code::kCancelled) co_return;
    if (!woken.ok()) {
      observer_->Tick(executor_.clock().Now());
      Pump();
    }
  }
}

env::Task<void> Source::List(std::vector<env::ListRequest> requests) {
  std::vector<env::ListedDir> listed = co_await tree_.List(std::move(requests));
  const std::uint64_t stopped = observer_->counters().audits_stopped;
  observer_->OnListed(std::move(listed), executor_.clock().Now());
  if (observer_->counters().audits_stopped != stopped) {
    log_.Error("an audit was given up: the root is unreadable, empty or on another file system",
               {{"root", tree_.info().root}});
  }
  Pump();
}

env::Task<void> Source::Stat(std::vector<env::StatRequest> requests) {
  std::vector<env::StattedEntry> statted = co_await tree_.Stat(std::move(requests));
  observer_->OnStatted(std::move(statted), executor_.clock().Now());
  Pump();
}

void Source::Pump() {
  if (stopping_) return;
  const Instant now = executor_.clock().Now();
  // First: what a listing watches may need the watch that is given up here.
  std::vector<DirKey> unwatched = observer_->TakeUnwatched();
  if (!unwatched.empty()) tree_.Unwatch(std::move(unwatched));
  std::vector<env::ListRequest> lists = observer_->TakeLists();
  for (std::size_t i = 0; i < lists.size(); i += options_.list_group) {
    const auto first = lists.begin() + static_cast<std::ptrdiff_t>(i);
    const auto last = lists.begin() +
                      static_cast<std::ptrdiff_t>(std::min(lists.size(), i + options_.list_group));
    tasks_.Spawn(List({std::make_move_iterator(first), std::make_move_iterator(last)}));
  }
  std::vector<env::StatRequest> stats = observer_->TakeStats(now);
  if (!stats.empty()) tasks_.Spawn(Stat(std::move(stats)));
  if (!bus_->empty()) changed_.Set();
  due_.Set();
}

}  // namespace fustor::agent
