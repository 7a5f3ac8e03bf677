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
      ring_({.bytes_max = options.bus.realtime_bytes_max}),
      observer_(std::make_unique<Observer>(options.observer, ring_)),
      tasks_(executor) {}

Source::~Source() { FUSTOR_CHECK(readers_.empty(), "a source has gone before its readers"); }

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
  for (const std::string& path : paths) observer_->LookAgain(path, Now());
  Pump();
}

env::Task<void> Source::ReadEvents() {
  for (;;) {
    std::vector<env::TreeEvent> events = co_await tree_.NextEvents();
    if (events.empty() || stopping_) co_return;
    const std::uint64_t overflows = observer_->counters().overflows;
    observer_->OnEvents(std::move(events), Now());
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
      observer_->Tick(Now());
      Pump();
    }
  }
}

env::Task<void> Source::List(std::vector<env::ListRequest> requests) {
  std::vector<env::ListedDir> listed = co_await tree_.List(std::move(requests));
  const std::uint64_t stopped = observer_->counters().audits_stopped;
  observer_->OnListed(std::move(listed), Now());
  if (observer_->counters().audits_stopped != stopped) {
    log_.Error("an audit was given up: the root is unreadable, empty or on another file system",
               {{"root", tree_.info().root}});
  }
  Pump();
}

env::Task<void> Source::Stat(std::vector<env::StatRequest> requests) {
  std::vector<env::StattedEntry> statted = co_await tree_.Stat(std::move(requests));
  observer_->OnStatted(std::move(statted), Now());
  Pump();
}

Instant Source::Now() {
  const Instant now = executor_.clock().Now();
  for (Reader* reader : readers_) reader->bus_.Tick(now);
  return now;
}

void Source::Pump() {
  if (stopping_) return;
  const Instant now = Now();
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
  for (Reader* reader : readers_) {
    if (!reader->bus_.empty()) reader->changed_.Set();
  }
  due_.Set();
}

// --- Readers -------------------------------------------------------------------------------------

Bus::Options Source::Reader::BusOptions(const Source& source, std::size_t batch_rows_max) {
  Bus::Options options = source.options_.bus;
  if (batch_rows_max != 0) options.batch_rows_max = batch_rows_max;
  return options;
}

Source::Reader::Reader(Source& source, std::size_t batch_rows_max)
    : source_(source),
      bus_(BusOptions(source, batch_rows_max), source.ring_),
      id_(source.observer_->Subscribe(bus_)) {
  source_.readers_.push_back(this);
}

Source::Reader::~Reader() {
  source_.observer_->Unsubscribe(id_);
  std::erase(source_.readers_, this);
}

void Source::Reader::Restart() {
  source_.observer_->Pause(id_);
  bus_.Open();
}

void Source::Reader::Pause() {
  source_.observer_->Pause(id_);
  bus_.Close();
  source_.Pump();  // What it has held up may go on.
}

void Source::Reader::StartScan() {
  source_.Now();
  source_.observer_->StartScan(id_);
  source_.Pump();
}

void Source::Reader::StartWatching() {
  source_.Now();
  source_.observer_->StartWatching(id_);
  source_.Pump();
}

bool Source::Reader::StartAudit() {
  source_.Now();
  const bool started = source_.observer_->StartAudit(id_);
  source_.Pump();
  return started;
}

void Source::Reader::StartJob(std::string job_id, std::string path, bool recursive) {
  source_.Now();
  source_.observer_->StartJob(std::move(job_id), std::move(path), recursive, id_);
  source_.Pump();
}

std::optional<batch::Batch> Source::Reader::Take() {
  source_.Now();
  std::optional<batch::Batch> batch = bus_.Take(source_.observer_->dirs());
  if (batch) source_.Pump();  // There may be room for more listings now.
  return batch;
}

}  // namespace fustor::agent
