// On-demand scans.
#include <algorithm>
#include <utility>

#include "base/path.h"
#include "svc/agent/core/observer.h"
#include "svc/agent/core/observer_rules.h"

namespace fustor::agent {
namespace {

// A directory on the way that is there and cannot be entered is being renamed: it is looked for
// again this often, beside the listings that are repeated for a watch.
constexpr int kAttemptsMax = 3 + Observer::kWatchRetriesMax;
// A command that comes twice is known so long.
constexpr std::size_t kEndedMax = 256;

}  // namespace

void Observer::StartJob(std::string job_id, std::string path, bool recursive, SubscriberId id) {
  Subscriber& subscriber = subscribers_.at(id);
  std::deque<Job>& jobs = subscriber.jobs;
  const bool known =
      std::ranges::find(subscriber.jobs_ended, job_id) != subscriber.jobs_ended.end() ||
      std::ranges::any_of(jobs, [&](const Job& job) { return job.id == job_id; });
  if (known) return;
  Job job;
  job.id = std::move(job_id);
  job.path = path.empty() ? "/" : std::move(path);
  job.recursive = recursive;
  if (jobs.size() >= kJobsMax) {
    ++counters_.jobs;
    ++counters_.jobs_failed;
    subscriber.bus->EndJob(++last_scan_id_, std::move(job.id), "",
                           "the agent has " + std::to_string(kJobsMax) + " scans to do already");
    return;
  }
  jobs.push_back(std::move(job));
  BeginJob(&subscriber);
}

Observer::Job* Observer::JobOf(std::uint64_t scan_id, Subscriber** whose) {
  if (scan_id == kEverybody) return nullptr;
  for (auto& [id, subscriber] : subscribers_) {
    if (subscriber.jobs.empty() || subscriber.jobs.front().scan_id != scan_id) continue;
    if (whose != nullptr) *whose = &subscriber;
    return &subscriber.jobs.front();
  }
  return nullptr;
}

// Begins the first one, if it has not begun.
void Observer::BeginJob(Subscriber* subscriber) {
  std::deque<Job>& jobs = subscriber->jobs;
  while (!jobs.empty() && jobs.front().scan_id == 0) {
    Job& job = jobs.front();
    job.scan_id = ++last_scan_id_;
    if (!IsNormalViewPath(job.path)) {
      job.path.clear();
      EndJob(subscriber, "that is no path in the tree of this agent");
      continue;
    }
    // Before the first look: what happens from now on is younger than what the job sees.
    subscriber->bus->BeginJob(job.scan_id, job.id, job.path, !job.recursive);
    Advance(&job);
    if (!job.error.empty()) EndJob(subscriber, std::string(job.error));
  }
}

void Observer::Advance(Job* job) {
  job->way = DirKey{};
  DirKey at = DirTable::kRoot;
  std::string_view rest = std::string_view(job->path).substr(1);
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    const bool last = slash == std::string_view::npos;
    const bool as_directory = LeavesOut(at, name, true);
    if (as_directory && (!last || LeavesOut(at, name, false))) {
      job->error = "the configuration of the agent excludes " + PrintablePath(job->path);
      return LookInto(std::exchange(job->found, DirKey{}));
    }
    const std::optional<DirKey> next = dirs_.Find(at, name);
    if (!next) {
      job->way = at;
      job->step = name;
      job->to_list.push_back(at);
      if (job->found != at) LookInto(job->found);
      job->found = DirKey{};
      return;
    }
    at = *next;
    rest = last ? std::string_view() : rest.substr(slash + 1);
  }
  job->target = at;
  job->to_list.push_back(at);
  if (job->found != at) LookInto(job->found);
  job->found = DirKey{};
}

// A directory that a job has found and does not list itself: whoever finds one has it watched.
void Observer::LookInto(DirKey found) {
  if (found.value != 0 && dirs_.Contains(found)) PushList(found, kEverybody);
}

void Observer::EndJob(Subscriber* subscriber, std::string error) {
  Job& job = subscriber->jobs.front();
  ++counters_.jobs;
  if (!error.empty()) ++counters_.jobs_failed;
  LookInto(job.found);
  subscriber->jobs_ended.push_back(job.id);
  if (subscriber->jobs_ended.size() > kEndedMax) subscriber->jobs_ended.pop_front();
  subscriber->bus->EndJob(job.scan_id, std::move(job.id), std::move(job.path), std::move(error));
  subscriber->jobs.pop_front();
}

bool Observer::MaybeEndJob(Subscriber* subscriber) {
  bool more = false;
  while (!subscriber->jobs.empty()) {
    Job& job = subscriber->jobs.front();
    if (job.in_flight != 0) return more;
    if (job.error.empty() && !job.to_list.empty()) return more;
    more = true;
    if (job.error.empty() && job.way.value != 0 && !job.found_file) {
      Advance(&job);
      if (job.error.empty()) return true;
    }
    EndJob(subscriber, std::string(job.error));
    BeginJob(subscriber);
  }
  return false;
}

void Observer::TakeJobLists(Subscriber* subscriber, Requests* requests) {
  do {
    if (!subscriber->jobs.empty()) TakeListsOf(subscriber, requests);
  } while (MaybeEndJob(subscriber));
}

void Observer::TakeListsOf(Subscriber* subscriber, Requests* requests) {
  Job& job = subscriber->jobs.front();
  // Half of what may be under way: a scan that is going on goes on.
  const std::size_t most = std::max<std::size_t>(1, options_.lists_in_flight_max / 2);
  std::vector<DirKey> busy;
  while (job.error.empty() && !job.to_list.empty() && job.in_flight < most &&
         listing_.size() < options_.lists_in_flight_max && !subscriber->bus->ScanFull()) {
    const DirKey dir = job.to_list.back();
    job.to_list.pop_back();
    if (!dirs_.Contains(dir)) continue;  // Gone meanwhile.
    if (listing_.contains(dir)) {
      busy.push_back(dir);
      continue;
    }
    RequestListing(dir, job.scan_id, requests);
    ++job.in_flight;
  }
  // When those who look at them have come back; they are among what is in flight.
  job.to_list.insert(job.to_list.end(), busy.begin(), busy.end());
}

bool Observer::PushJobList(DirKey dir, std::uint64_t scan_id) {
  Job* const job = JobOf(scan_id);
  if (job == nullptr) return false;
  if (job->recursive && job->way.value == 0) job->to_list.push_back(dir);
  return true;
}

void Observer::ListAgain(DirKey dir, std::uint64_t scan_id) {
  if (Job* const job = JobOf(scan_id); job != nullptr) {
    job->to_list.push_back(dir);
  } else {
    PushList(dir, scan_id);
  }
}

bool Observer::StopsJobListing(Job* job, const env::ListedDir& listed, const Listing& listing,
                               Instant now) {
  const bool wanted = listed.dir == job->way || listed.dir == job->target;
  if (listed.dir == DirTable::kRoot && listed.status.ok()) {
    const bool elsewhere = root_device_ != 0 && listed.self.device != root_device_;
    const bool emptied = listed.children.empty() && !dirs_.ChildrenOf(DirTable::kRoot).empty();
    if (elsewhere || emptied) {
      job->error = elsewhere ? "the root is on another file system than before"
                             : "the root is empty, although it was not: it may not be mounted";
      return true;
    }
  }
  if (IsGone(listed.status.code()) && listed.dir != DirTable::kRoot) {
    if (dirs_.PathOf(listed.dir) != listing.path) {  // It was renamed while it was looked for.
      job->to_list.push_back(listed.dir);
      return true;
    }
    WantUnlisted(listed.dir, now);
    if (wanted) job->error = PrintablePath(job->path) + " is not there (any more)";
    return true;
  }
  if (wanted && !listed.status.ok()) job->error = listed.status.message();
  if (listed.dir == job->way && listed.status.ok()) NoteStep(job, listed);
  return false;
}

void Observer::NoteStep(Job* job, const env::ListedDir& listed) {
  const std::size_t row = listed.children.FindSorted(job->step);
  const bool there = row < listed.children.size();
  const bool is_directory = there && listed.children.attrs(row).is_directory();
  const bool last = JoinPath(dirs_.PathOf(job->way), job->step) == job->path;
  if (!there) {
    job->error = PrintablePath(job->path) + " is not there";
  } else if (LeavesOut(job->way, job->step, is_directory)) {
    job->error = "the configuration of the agent excludes " + PrintablePath(job->path);
  } else if (is_directory) {
    // It is known when the listing has been taken in, unless something happens to it just now.
    if (++job->attempts > kAttemptsMax + static_cast<int>(std::ranges::count(job->path, '/'))) {
      job->error = PrintablePath(job->path) + " keeps moving while it is looked for";
    }
  } else if (last) {
    job->found_file = true;
  } else {
    job->error = PrintablePath(job->path) + " is not there: a file is on the way";
  }
}

void Observer::ListNewChildren(Job* current, const env::ListedDir& listed) {
  Job& job = *current;
  if (job.recursive && job.way.value == 0) return;  // The job itself goes there.
  for (std::size_t i = 0; i < listed.children.size(); ++i) {
    const EntryAttrs& attrs = listed.children.attrs(i);
    const std::string_view name = listed.children.name(i);
    if (!attrs.is_directory()) continue;
    if (const std::optional<DirKey> known = dirs_.Find(listed.dir, name)) {
      if (IsUntold(*known)) PushList(*known, kEverybody);  // Somebody else's scan has found it.
      continue;
    }
    const DirKey found = dirs_.Add(listed.dir, name, attrs.inode);
    if (listed.dir == job.way && name == job.step) {
      job.found = found;  // The job goes there next, unless everything moves meanwhile.
    } else {
      PushList(found, kEverybody);
    }
  }
}

}  // namespace fustor::agent
