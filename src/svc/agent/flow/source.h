// source.h: keeps an Observer and a file tree in step: carries out what the one asks of the other.
//
// One source is read by any number of pipes, each through a Source::Reader of its own: the tree is
// watched, and what happens in it is kept, once for all of them (core/bus.h and ring.h say how, and
// what becomes of one that is slow). A reader without a session costs nothing and is told nothing.
//
// One executor owns it. The file tree does its work on threads of its own; back-pressure from the
// buses stops listings, never the reading of events.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

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
  // REQUIRES: no reader is left.
  ~Source();

  // Starts watching; nothing is listed before StartScan.
  void Start();
  // Ends all tasks. The source reports nothing more.
  env::Task<void> Stop();

  class Reader;

  // Looks at entries by the way that goes past caches; reports nothing. Of what is there (not of
  // directories), what was seen; of the rest `LookAgain` is called for.
  env::Task<std::vector<batch::Sighting>> Sight(std::vector<std::string> paths);
  // Observer::LookAgain.
  void LookAgain(const std::vector<std::string>& paths);

  const Observer& observer() const { return *observer_; }
  std::size_t reader_count() const { return readers_.size(); }
  // Times that a slow reader was given a ring of its own.
  std::uint64_t splits() const { return ring_.splits(); }
  // How long what was noticed of a file may wait for what comes after it.
  Nanos hold() const { return options_.observer.throttle; }
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
  // Told to the buses, too, which date what begins by it.
  Instant Now();

  const Options options_;
  env::Executor& executor_;
  env::Tree& tree_;
  const Logger log_;
  Ring ring_;
  std::unique_ptr<Observer> observer_;
  std::vector<Reader*> readers_;
  env::Signal due_;
  bool stopping_ = false;
  env::TaskGroup tasks_;
};

// What one pipe reads of a source. It is told nothing until Restart. Call everything on the
// source's executor; `source` must outlive it.
class Source::Reader {
 public:
  // `batch_rows_max`: as Bus::Options; 0: that of the source.
  explicit Reader(Source& source, std::size_t batch_rows_max = 0);
  ~Reader();
  Reader(const Reader&) = delete;

  Source& source() { return source_; }
  const Source& source() const { return source_; }

  // Drops what has not been sent, and on-demand scans: a new session begins, with StartScan or
  // StartWatching.
  void Restart();
  // The same, and it is told nothing until Restart: the session is over.
  void Pause();
  // Lists the whole tree (again), watches all of it, and reports what it has.
  void StartScan();
  // The same without a report of the listings: only what happens from now on is reported.
  void StartWatching();
  // Observer::StartAudit.
  bool StartAudit();
  // Observer::StartJob.
  void StartJob(std::string job_id, std::string path, bool recursive);
  bool scanning() const { return source_.observer_->scanning(id_); }
  // The next batch to send, without sequence and index; nullopt: wait for `changed`.
  std::optional<batch::Batch> Take();
  // Up when there may be something to Take.
  env::Signal& changed() { return changed_; }
  // Seen and not yet taken.
  std::size_t waiting_bytes() const { return bus_.realtime_bytes() + bus_.scan_bytes(); }
  bool is_split() const { return bus_.is_split(); }

 private:
  friend class Source;
  static Bus::Options BusOptions(const Source& source, std::size_t batch_rows_max);

  Source& source_;
  Bus bus_;
  const Observer::SubscriberId id_;
  env::Signal changed_;
};

}  // namespace fustor::agent
