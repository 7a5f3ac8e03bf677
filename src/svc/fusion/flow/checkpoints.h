// checkpoints.h: keeps a view on disk: restores it at the start, writes what it shows from time to
// time, gives old ones back as trees.
//
// The files of a view lie in a folder of its own, a number each (docs/formats/checkpoint.md). One
// is written from a revision that is pinned meanwhile, a frame at a time, on an executor that is
// there for slow disks: neither readers nor the shard notice, but for the memory of what changes
// until it is written. A failure is logged, counted and shown (CheckpointStatus), and what was
// written before stays.
//
// Only what people may rely on is written: not before the view has been ready, not twice the same
// revision, and never anything from before a reset.
//
// Revisions never go back, whether a checkpoint could be loaded or not, and however old it is: each
// start begins 2^32 behind all that the ones before can have shown, and writes that down first.
//
// Which are kept: the newest, and of the others those that make the ages grow by about the same
// factor from one to the next (Superfluous). The oldest goes when it is older than the interval
// times 4^kept, if one must go: 8 that are written every five minutes reach back about eight months
// at the utmost, and 2 more than an hour.
//
// Public functions may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "env/file_streams.h"
#include "env/files.h"
#include "env/published.h"
#include "env/signal.h"
#include "env/task.h"
#include "env/task_group.h"
#include "lib/checkpoint/checkpoint.h"
#include "svc/fusion/flow/shard.h"
#include "svc/fusion/flow/view.h"

namespace fustor::fusion {

// Where checkpoints go. All must outlive the Fusion.
struct CheckpointPorts {
  env::Executor& disk;  // Blocks as long as the disk likes.
  env::Files& files;
  env::FileStreams& streams;
  std::string folder;  // Made when it is needed; a folder for each view in it.
};

class Checkpoints : public std::enable_shared_from_this<Checkpoints> {
 public:
  struct Options {
    std::string source;  // As checkpoint::Header.
    Nanos interval = Seconds(300);
    std::size_t kept = 1;  // At least 1.
  };
  // `tasks` lives on the disk's executor and outlives it, as do the metrics.
  Checkpoints(Options options, CheckpointPorts ports, env::TaskGroup& tasks,
              std::shared_ptr<Shard> shard, MetricRegistry& metrics, Logger log);
  Checkpoints(const Checkpoints&) = delete;

  // Restores the shard from the newest checkpoint that can be read, then writes one every interval.
  // REQUIRES: called once; nothing has been told or delivered to the shard.
  void Start();
  // Writes a last one if there is something new, and if that is done by `deadline`; then no more.
  env::Task<Status> Stop(Instant deadline);
  // The same without a last one and without waiting for the end.
  void RequestStop() { stop_.request_stop(); }
  // Removes all of them, for good. What is being written is given up. Errors: those of the disk.
  env::Task<Status> Discard();

  std::shared_ptr<const CheckpointStatus> status() const { return status_.Get(); }
  // As View::ListCheckpoints and LoadCheckpoint.
  env::Task<Result<std::vector<CheckpointFile>>> List();
  env::Task<Result<std::shared_ptr<const LoadedCheckpoint>>> Load(std::uint64_t number);

  // Which of them goes, when one has to: never the first. `ages` ascend; at least two. What is
  // older than `horizon` goes first.
  static std::size_t Superfluous(const std::vector<Nanos>& ages, Nanos interval, Nanos horizon);

 private:
  using Loaded = Result<std::shared_ptr<const LoadedCheckpoint>>;
  using Files = Result<std::vector<CheckpointFile>>;
  // `self` keeps it alive.
  env::Task<void> Run(std::shared_ptr<Checkpoints> self);
  env::Task<void> RestoreNewest();
  env::Task<Status> RestoreFrom(CheckpointFile file);
  env::Task<void> WriteIfMoved(std::stop_token stop, Instant deadline);
  env::Task<Status> Write(CheckpointFile* file, std::stop_token stop, Instant deadline);
  env::Task<Status> StopHere(Instant deadline);
  env::Task<Status> DiscardHere();
  env::Task<Files> ListHere();
  env::Task<Loaded> LoadHere(std::uint64_t number);

  Files ReadFolder();
  Result<CheckpointFile> ReadHeader(std::uint64_t number);
  checkpoint::Header MakeHeader(const ViewStatus& status) const;
  std::string PathOf(std::uint64_t number) const;
  tree::Revision RaiseFloor();
  void NoteWritten(const Status& written, const CheckpointFile& file, Instant begun);
  void NoteUnreadable(const Status& status, const std::string& path);
  void Prune();
  void ShowStatus() { status_.Set(std::make_shared<const CheckpointStatus>(facts_)); }
  Instant now() const { return ports_.disk.clock().Now(); }

  const Options options_;
  const CheckpointPorts ports_;
  const std::string folder_;
  const std::shared_ptr<Shard> shard_;
  const Logger log_;
  Counter& written_;
  Counter& failed_;
  Gauge& last_written_s_;
  Gauge& last_bytes_;
  std::stop_source stop_;
  env::Published<CheckpointStatus> status_;
  // On the disk's executor:
  env::TaskGroup& tasks_;
  std::vector<CheckpointFile> files_;    // The newest first.
  std::optional<tree::Revision> saved_;  // The last one that was written or restored.
  std::uint64_t last_number_ = 0;
  std::uint64_t discards_ = 0;
  tree::Revision floor_ = 0;  // No revision of this life is below it.
  bool running_ = false;
  env::Signal ended_;
  CheckpointStatus facts_;
};

}  // namespace fustor::fusion
