// bus.h: what an agent has seen and not yet sent, for one subscriber (a pipe).
//
// Pure; one owner, one subscriber. Two lanes: realtime (changes, and listings of directories that
// appeared, in the order in which they happened; their paths are those of that moment) and scan
// (listings that fill in the rest; they carry the directory's number and get their path when they
// leave). Realtime leaves first. A listing of a scan leaves only when no rename or deletion of a
// directory waits in the realtime lane, so that its path is the one the other side knows.
//
// The realtime lane is a place in a ring (ring.h) that all subscribers of a source share; the scan
// lane is this subscriber's own, since each one's scans begin and end for itself. A closed bus
// takes nothing: its subscriber has no session.
//
// Bounded in bytes. A full scan lane tells the scanner to wait (ScanFull); a subscriber that is too
// far behind in the ring loses its place and raises `lost`, which the owner turns into a new scan:
// nothing is silently missing.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.h"
#include "lib/batch/batch.h"
#include "svc/agent/core/dir_table.h"
#include "svc/agent/core/ring.h"

namespace fustor::agent {

class Bus {
 public:
  struct Options {
    std::size_t realtime_bytes_max = 64 << 20;
    std::size_t scan_bytes_max = 32 << 20;
    std::size_t batch_rows_max = 4'000;
    // As held here; on the wire it is less. A larger listing leaves in parts, none of which is
    // complete: of such a directory nothing can be concluded from what is missing.
    std::size_t batch_bytes_max = 16 << 20;
  };
  // Closed. `ring` must outlive the bus; Options::realtime_bytes_max is the ring's affair.
  Bus(Options options, Ring& ring) : options_(options), ring_(ring) {}
  // Open, with a ring of its own.
  explicit Bus(Options options)
      : options_(options),
        own_ring_(std::make_unique<Ring>(Ring::Options{.bytes_max = options.realtime_bytes_max})),
        ring_(*own_ring_) {
    reader_ = ring_.Attach();
  }
  Bus() : Bus(Options{}) {}
  ~Bus() { Close(); }
  Bus(const Bus&) = delete;

  // --- Realtime lane. ---
  Ring& ring() { return ring_; }
  void Push(Ring::Item item) { ring_.Push(std::move(item)); }

  // The time from now on, by which scans begin and batches leave.
  void Tick(Instant now) { now_ = now; }

  // --- Scan lane. ---
  void BeginScan(std::uint64_t scan_id, batch::Source source, std::string path,
                 std::uint32_t full_every = 0);
  void PushScanned(std::uint64_t scan_id, DirKey dir, batch::DirBlock block);
  void EndScan(std::uint64_t scan_id);
  // Something of a scan has not left yet.
  bool has_scan() const { return !scan_.empty() || !parts_.empty(); }
  // A listing of the directory waits.
  bool HasListing(DirKey dir) const { return waiting_.contains(dir); }

  // --- On-demand scans: in the scan lane, beside the scan's own listings. ---
  void BeginJob(std::uint64_t scan_id, std::string job_id, std::string path, bool shallow);
  void PushOfJob(std::uint64_t scan_id, std::string job_id, DirKey dir, batch::DirBlock block);
  // `error`: why it could not be done; empty: it is done.
  void EndJob(std::uint64_t scan_id, std::string job_id, std::string path, std::string error);

  bool ScanFull() const { return scan_bytes_ >= options_.scan_bytes_max; }
  // A realtime change of dir/name: a listing of `dir` that waits must not tell about it any more.
  void Touch(DirKey dir, std::string_view name);
  // The directory's own attributes are told as a change: a listing of it that waits tells its own
  // no more. One of an audit keeps them if they are older for everybody to see: then they undo
  // nothing, and say how old its names are. They must not be replaced by the newer ones.
  void HideSelf(DirKey dir, const EntryAttrs& told);
  // The directory is gone: its listing must not leave.
  void Drop(DirKey dir);

  // --- The subscriber. ---
  bool empty() const { return realtime_items() == 0 && scan_.empty() && parts_.empty() && !lost(); }
  // The next batch, without sequence and index; nullopt when there is none.
  std::optional<batch::Batch> Take(const DirTable& dirs);
  // Drops everything, for a new session, and opens: the realtime lane begins with what happens from
  // now on.
  void Open();
  // Drops everything, and takes nothing any more.
  void Close();
  bool is_open() const { return reader_.has_value(); }
  // Raised when the place in the ring was lost; taken down by the owner.
  bool TakeOverflow();
  // Events were lost: tell Fusion with the next batch.
  void MarkLost() { lost_ = true; }

  std::size_t realtime_bytes() const { return reader_ ? ring_.bytes_left(*reader_) : 0; }
  std::size_t scan_bytes() const { return scan_bytes_; }
  // It is so far behind that it reads a ring of its own.
  bool is_split() const { return reader_ && ring_.IsSplit(*reader_); }

 private:
  struct Scanned {
    std::uint64_t scan_id = 0;
    batch::Source source = batch::Source::kSnapshot;
    batch::ScanMark mark = batch::ScanMark::kNone;  // A mark stands alone, without a block.
    std::string path;
    DirKey dir;
    batch::DirBlock block;
    std::size_t bytes = 0;  // As charged: Touch may shrink the block later.
    std::string job_id = {};
    std::string job_error = {};
    bool shallow = false;
    std::uint32_t full_every = 0;  // Of a begin, as is:
    Instant begun = {};
  };
  using Waiting = std::unordered_map<DirKey, std::uint64_t>;  // Directory -> index of its listing.
  Waiting& WaitingOf(batch::Source source) {
    return source == batch::Source::kJob ? waiting_for_jobs_ : waiting_;
  }
  void Drop(DirKey dir, Waiting* waiting);
  std::size_t realtime_items() const { return reader_ ? ring_.items_left(*reader_) : 0; }
  bool lost() const { return lost_ || (reader_ && ring_.HasLoss(*reader_)); }
  bool IsStructureWaiting() const { return reader_ && ring_.structural_left(*reader_) != 0; }
  void Clear();
  bool IsHuge(const batch::DirBlock& block) const {
    return block.rows.size_bytes() > options_.batch_bytes_max;
  }
  void Split(const batch::Batch& like, batch::DirBlock block);
  std::optional<batch::Batch> TakeRealtime();
  std::optional<batch::Batch> TakeScanned(const DirTable& dirs);

  const Options options_;
  const std::unique_ptr<Ring> own_ring_;
  Ring& ring_;
  std::optional<Ring::ReaderId> reader_;  // None: closed.
  std::deque<Scanned> scan_;
  batch::Source source_ = batch::Source::kSnapshot;  // Of the scan that began last.
  std::deque<batch::Batch> parts_;                   // Of one listing; they leave before all else.
  std::uint64_t scan_popped_ = 0;                    // Index of scan_.front() since the start.
  Waiting waiting_;                                  // Of scans.
  Waiting waiting_for_jobs_;
  std::size_t scan_bytes_ = 0;
  Instant now_;
  bool lost_ = false;
  bool overflowed_ = false;
};

}  // namespace fustor::agent
