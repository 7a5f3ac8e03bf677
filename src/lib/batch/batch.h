// batch.h: what an agent reports, in the words that agent and Fusion share.
//
// Pure data. A batch is either realtime changes in the order in which they happened, or blocks: one
// whole directory listing each (of a scan, or of directories that appeared: then they are realtime
// evidence). Batches of one session are applied in the order of their sequence, what is in one of
// them in the order of its list. So a directory that appeared is told of by a change, and then, in
// this batch or a later one, by its block: changes after the block are younger than the listing,
// and names that changed while it was made are exempt in it. Should a realtime batch hold both all
// the same, its changes come first. All paths are view paths (base/path.h). The wire format is
// docs/formats/agent-grpc.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/entry.h"
#include "base/time.h"

namespace fustor::batch {

// Where evidence comes from; the lower, the stronger.
enum class Source : std::uint8_t {
  kRealtime = 1,
  kSnapshot = 2,
  kAudit = 3,
  kJob = 4,  // On-demand scan.
};

// One realtime change.
struct Change {
  enum class Kind : std::uint8_t {
    kUpsert = 1,  // The entry exists with these attributes.
    kDelete = 2,  // The entry and everything below it is gone.
    kMove = 3,    // The entry and everything below it is now at `path`, no longer at `old_path`;
                  // what was at `path` before is replaced. Carries no attributes.
  };
  // What has moved, as far as the agent knows.
  enum class Moved : std::uint8_t { kUnknown = 0, kDirectory = 1, kOther = 2 };
  Kind kind = Kind::kUpsert;
  std::string path;
  std::string old_path;           // kMove only.
  Moved moved = Moved::kUnknown;  // kMove only.
  std::uint64_t moved_inode = 0;  // Of a directory that has moved; 0: not known.
  EntryAttrs attrs;               // kUpsert only.
  std::string target;             // kUpsert of a symlink.
  // False: the file was written but not yet closed, so size and mtime may be of a moment.
  bool atomic = true;
};

// Of its number on the wire; what agents of a later version may say is not known.
inline Change::Moved MovedOf(std::uint32_t number) {
  using Moved = Change::Moved;
  return number <= static_cast<std::uint32_t>(Moved::kOther) ? static_cast<Moved>(number)
                                                             : Moved::kUnknown;
}

// One directory as a scan saw it.
struct DirBlock {
  std::string path;
  EntryAttrs self;
  EntryList rows;  // Sorted by name.
  // True when `rows` are all there was: what is not in them (and not in `exempt`) does not exist.
  bool complete = false;
  // The directory could not be read (to the end): nothing may be concluded from what is missing.
  bool failed = false;
  // Names that changed while the directory was listed or while the block waited: not in `rows`, and
  // their absence says nothing; realtime changes tell about them.
  std::vector<std::string> exempt;
  // An audit found the directory's mtime unchanged and did not look at its files (audit_skipped).
  // `complete` is false then.
  bool silent = false;
  // What changes in it will not be seen as it happens: it is not watched. Of a silent one nothing
  // new is said.
  bool unwatched = false;
  // Without `self`: the mtime that the directory had when the rows were seen, as far as the agent
  // says so (parent_mtime); 0: not known.
  std::int64_t seen_mtime_ns = 0;
};

// Signals around the blocks of one scan.
enum class ScanMark : std::uint8_t {
  kNone = 0,
  kBegin = 1,  // A scan begins with this batch.
  kEnd = 2,    // This is its last batch; every directory has been reported.
};

struct Batch {
  std::uint64_t sequence = 0;  // 1, 2, 3, ... within a session.
  Source source = Source::kRealtime;
  std::int64_t index_ms = -1;    // The agent's time line (docs/formats/agent-grpc.md).
  std::vector<Change> changes;   // kRealtime.
  std::vector<DirBlock> blocks;  // Not beside changes.
  // For scans:
  std::uint64_t scan_id = 0;
  ScanMark mark = ScanMark::kNone;
  // With kBegin: the subtree that is scanned, "/" for all. Of a job also with kEnd.
  std::string scan_path;
  std::string job_id;  // kJob.
  // With kBegin of an audit: each directory is listed in full (not `silent`) in one of so many
  // audits of the session in a row. 0 and 1: in every one.
  std::uint32_t full_every = 0;
  // With kBegin: so long before it left, the scan had begun.
  std::int64_t begun_ago_ms = 0;
  // With kBegin of a job: only the directory itself is looked at, not what is below it.
  bool shallow = false;
  // With kEnd of a job: why it could not be done; empty: it is done.
  std::string job_error;
  // The agent lost events: what it has reported below this path is uncertain until a scan ends.
  bool lost_events = false;
  // Single rows of an agent that does not promise their order, in blocks that are never `complete`:
  // a row may be an older look than what the agent has told before.
  bool loose = false;

  std::size_t row_count() const {
    std::size_t n = changes.size();
    for (const DirBlock& block : blocks) n += block.rows.size() + 1;
    return n;
  }
};

}  // namespace fustor::batch
