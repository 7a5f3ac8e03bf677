// watch.h: how a host hears of changes in a simulated file system: late, bounded, and as one of two
// mechanisms would tell it.
//
// Whole (fanotify): the whole file system is recorded, and what a record is about is looked up when
// it is read; a rename is one event; records of one name by one process may be merged, and then
// their order is lost. Halves (inotify): only directories that are watched at that moment are
// recorded, a rename is two events with a cookie, and watches may run out. Deterministic.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "env/tree.h"
#include "sim/file_system.h"
#include "sim/world.h"

namespace fustor::sim {

struct WatchOptions {
  bool whole = true;
  bool merges = true;                // Whole only.
  std::size_t records_max = 16384;   // In the kernel; beyond them one overflow.
  std::size_t events_max = 100'000;  // Read and not yet asked for; beyond them one kOverflow.
  std::size_t watches_max = 0;       // Halves only. 0: no limit.
  // From the change to the event.
  Nanos delay_min = Micros(20);
  Nanos delay_max = Millis(2);
  std::uint64_t late_one_in = 200;
  Nanos late_max = Millis(500);
  // One record in so many is lost without a word: a mechanism that breaks its promise, so that
  // tests can be tested. 0: none.
  std::uint64_t drop_one_in = 0;
  // A network file system: what other mounts change is not heard of.
  bool hears_other_mounts = true;
  std::uint32_t mount = 0;
};

class Watch final : public FsListener, public std::enable_shared_from_this<Watch> {
 public:
  Watch(World& world, FileSystem& fs, WatchOptions options);
  // Begins and ends to hear of the file system.
  void Start() { fs_.Listen(*this); }
  void Stop();

  // Errors: kResourceExhausted.
  Status Cover(env::DirKey key, NodeId dir);
  void Uncover(env::DirKey key);

  static env::Task<std::vector<env::TreeEvent>> Next(std::shared_ptr<Watch> self);
  // What has not been read is lost, and that is told.
  void Overflow();

  void OnRecord(const Record& record) override;

  // Nothing waits to be read or to be asked for.
  bool drained() const { return queue_.empty() && events_.empty(); }
  std::size_t watches() const { return by_key_.size(); }
  std::uint64_t overflows() const { return overflows_; }
  const WatchOptions& options() const { return options_; }

 private:
  using What = Record::What;
  using Kind = env::TreeEvent::Kind;
  using WatchId = std::uint64_t;  // Of halves; never used again.
  struct Queued {
    Record record;
    std::uint32_t mask = 0;  // Bits of What. 0: an overflow.
    WatchId watch = 0;       // Halves.
    bool arriving = false;   // Halves: the second one of a rename.
  };
  using Place = std::pair<env::DirKey, std::string>;

  void Queue(Queued queued);
  void QueueHalf(const Record& record, NodeId dir, bool arriving);
  bool Merge(const Queued& queued);
  void ReadLater();
  void Read();
  void Decode(const Queued& queued);
  void DecodeHalf(const Queued& queued);
  void DecodeWhole(const Queued& queued);
  void DecodeRename(const Record& record);
  void EmitAgain(const Place& place, bool is_directory);
  void Emit(Kind kind, bool is_directory, env::DirKey dir, const std::string& name,
            std::uint32_t cookie = 0);
  void Append(env::TreeEvent event);
  std::optional<env::DirKey> KeyOf(NodeId dir) const;
  void Forget(WatchId watch);

  World& world_;
  FileSystem& fs_;
  const WatchOptions options_;
  Prng prng_;
  std::deque<Queued> queue_;
  bool reading_ = false;
  bool stopped_ = false;
  std::uint64_t overflows_ = 0;
  std::set<std::pair<Place, bool>> backlog_;  // Whole: names in what has been read in one go.

  std::map<WatchId, env::DirKey> by_watch_;  // Halves.
  std::map<NodeId, WatchId> watches_;        // Halves: those that the kernel has.
  std::map<env::DirKey, WatchId> watch_of_;  // Halves.
  std::map<NodeId, env::DirKey> by_node_;    // Whole.
  std::map<env::DirKey, NodeId> by_key_;     // Both.
  WatchId last_watch_ = 0;

  std::vector<env::TreeEvent> events_;
  std::optional<env::Completion<std::vector<env::TreeEvent>>::Resolver> waiter_;
};

}  // namespace fustor::sim
