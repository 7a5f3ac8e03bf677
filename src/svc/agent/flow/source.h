// source.h: keeps an Observer and a file tree in step: carries out what the one asks of the other.
//
// One executor owns it. The file tree does its work on threads of its own; back-pressure from the
// bus stops listings, never the reading of events.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>

#include "base/log.h"
#include "env/signal.h"
#include "env/task_group.h"
#include "env/tree.h"
#include "lib/batch/session.h"
#include "svc/agent/core/bus.h"
#include "svc/agent/core/observer.h"

namespace fustor::agent {

class Source {
 public:
  struct Options {
    Observer::Options observer;
    Bus::Options bus;
    std::size_t list_group = 8;  // Directories of one List call.
  };

  // `tree` and `executor` must outlive the source. Call everything on `executor`.
  Source(Options options, env::Executor& executor, env::Tree& tree, Logger log);

  // Starts watching; nothing is listed before StartScan.
  void Start();
  // Ends all tasks. The source reports nothing more.
  env::Task<void> Stop();

  // Lists the whole tree (again), watches all of it, and reports what it has.
  void StartScan();
  // The same without a report of the listings: only what happens from now on is reported.
  void StartWatching();
  // Observer::StartAudit.
  bool StartAudit();
  // Looks at entries by the way that goes past caches; reports nothing. Of what is there (not of
  // directories), what was seen; of the rest `LookAgain` is called for.
  env::Task<std::vector<batch::Sighting>> Sight(std::vector<std::string> paths);
  // Observer::LookAgain.
  void LookAgain(const std::vector<std::string>& paths);
  // Observer::StartJob.
  void StartJob(std::string job_id, std::string path, bool recursive);
  // The next batch to send, without sequence and index; nullopt: wait for `changed`.
  std::optional<batch::Batch> Take();
  // Drops what has not been sent, and on-demand scans: a new session begins with StartScan or
  // StartWatching.
  void Restart();
  // Up when there may be something to Take.
  env::Signal& changed() { return changed_; }

  const Observer& observer() const { return *observer_; }
  // How long what was noticed of a file may wait for what comes after it.
  Nanos hold() const { return options_.observer.throttle; }
  // Seen and not yet taken.
  std::size_t waiting_bytes() const { return bus_->realtime_bytes() + bus_->scan_bytes(); }
  env::Tree::Info tree_info() const { return tree_.info(); }

  // The simulator's power cut.
  void Abandon() { tasks_.Abandon(); }

 private:
  env::Task<void> ReadEvents();
  env::Task<void> KeepTime();
  env::Task<void> List(std::vector<env::ListRequest> requests);
  env::Task<void> Stat(std::vector<env::StatRequest> requests);
  // Hands out what the observer asks for.
  void Pump();

  const Options options_;
  env::Executor& executor_;
  env::Tree& tree_;
  const Logger log_;
  std::unique_ptr<Bus> bus_;
  std::unique_ptr<Observer> observer_;
  env::Signal changed_;
  env::Signal due_;
  bool stopping_ = false;
  env::TaskGroup tasks_;
};

}  // namespace fustor::agent
