// workload.h: what people and programs do to a file system, drawn from a seed.
//
// Jobs are small programs (save a file, unpack an archive, remove a tree, ...); each does its
// system calls one after the other with time between them, and several run at once, so that they
// get into each other's way: a call that fails because of that ends nothing. Names come from a
// small set, so that they are used again and again. Deterministic.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/prng.h"
#include "sim/file_system.h"
#include "sim/world.h"

namespace fustor::sim {

struct WorkloadOptions {
  std::size_t entries_max = 400;    // Beyond it, things are removed.
  Nanos job_gap = Millis(300);      // Usual time between the starts of two jobs.
  Nanos step_gap = Millis(2);       // Usual time between two calls of a job.
  std::size_t jobs_max = 6;         // At once.
  std::uint64_t links_one_in = 12;  // How often a job makes hard links. 0: never.
  std::uint32_t mount = 0;
  Nanos clock_ahead{0};  // Of the host against the server: times that it sets by its own clock.
};

class Workload {
 public:
  Workload(World& world, FileSystem& fs, WorkloadOptions options);
  Workload(const Workload&) = delete;

  // In the root, if it is there: a file system that becomes empty alarms whoever audits it.
  static constexpr std::string_view kNeverTouched = "lost+found";

  // Makes about so many entries, at once.
  void Populate(std::size_t entries);
  // Jobs start until then; those that run then are finished.
  void Start(Instant until);
  // No job runs and none will start.
  bool finished() const { return running_ == 0 && world_.now() >= until_; }
  std::uint64_t calls() const { return *calls_; }

 private:
  // A job's calls, in order; a call may append more.
  struct Job {
    std::deque<std::function<void(Job&)>> calls;
    Actor actor;
    void Then(std::function<void(Job&)> call) { calls.push_back(std::move(call)); }
  };
  using JobPtr = std::shared_ptr<Job>;
  struct Spot {  // A name in a directory, used or not.
    NodeId dir;
    std::string name;
  };

  void StartNext();
  void Step(const JobPtr& job);
  Nanos Around(Nanos usual);
  void Fill(Job* job);
  void FillWithRemoval(Job* job);
  void FillWithRename(Job* job);
  void FillWithAttributes(Job* job);

  // The parts of jobs.
  void Save(Job* job, const Spot& at);
  void SaveByRename(Job* job, const Spot& at);
  void Append(Job* job, const Spot& at);
  void CopyWithTimes(Job* job, const Spot& at);
  void Mirror(Job* job, const Spot& at);
  void MakeChain(Job* job);
  void Unpack(Job* job, const Spot& at);
  void RemoveTree(Job* job, const Spot& at);
  void RemoveFound(Job* job, const Spot& at);
  void Swap(Job* job);
  void MoveAwayAndBack(Job* job);
  void CreateAndDelete(Job* job, const Spot& at);
  void Replace(Job* job, const Spot& at);

  std::string Name();
  NodeId Directory();
  Spot Anywhere() { return {Directory(), Name()}; }
  // Something that exists, when something is found quickly.
  Spot Existing();
  std::int64_t Size() { return static_cast<std::int64_t>(prng_.Below(100'000)); }
  WallTime SomeTime();

  World& world_;
  FileSystem& fs_;
  const WorkloadOptions options_;
  Prng prng_;
  Instant until_;
  std::size_t running_ = 0;
  std::uint32_t processes_ = 0;
  const std::shared_ptr<std::uint64_t> calls_ = std::make_shared<std::uint64_t>(0);
};

}  // namespace fustor::sim
