// workers.h: threads that take parts of jobs in turn.
//
// Jobs share the threads fairly: every free thread takes one part of the next job in the circle, so
// that a look at one file does not wait behind the listing of a million directories. Background
// jobs have threads of their own, made when the first one comes, that run at a lower priority (nice
// 10): an audit takes what others leave of the processors. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapters/posix/lister.h"

namespace fustor::posix {

class Job {
 public:
  explicit Job(std::size_t parts) : parts_(parts), left_(parts) {}
  virtual ~Job() = default;

 private:
  friend class Workers;
  // Runs on any thread; parts of one job run at the same time.
  virtual void Run(std::size_t part, Lister& lister) = 0;
  // Instead of Run when the workers stop first.
  virtual void Drop(std::size_t part) = 0;
  // After the last part, once.
  virtual void Done() = 0;

  const std::size_t parts_;
  std::size_t next_ = 0;  // Guarded by Workers::mutex_.
  std::atomic<std::size_t> left_;
};

enum class Priority { kNormal, kBackground };

class Workers {
 public:
  using MakeLister = std::function<std::unique_ptr<Lister>()>;
  // `threads` for each priority.
  Workers(unsigned threads, MakeLister make_lister);
  // Lets the parts that run end and drops the others.
  ~Workers();

  // No further part begins; the destructor drops them. Thread-safe.
  void Stop();

  // REQUIRES: the job has at least one part; calls come one after the other.
  void Submit(std::shared_ptr<Job> job, Priority priority);

 private:
  // The threads of one priority and what they have to do.
  struct Crew {
    std::condition_variable work;
    std::deque<std::shared_ptr<Job>> jobs;  // Those with parts that nobody has taken.
    std::size_t idle = 0;
    std::vector<std::thread> threads;
  };
  void Start(Crew& crew, Priority priority);
  void Loop(Crew& crew, Lister& lister);
  void End(Crew& crew);
  static void Finished(Job& job);

  const unsigned threads_;
  const MakeLister make_lister_;
  std::mutex mutex_;  // Of both crews, but for their threads, which Submit and ~Workers own.
  bool stopping_ = false;
  Crew normal_;
  Crew background_;
};

}  // namespace fustor::posix
