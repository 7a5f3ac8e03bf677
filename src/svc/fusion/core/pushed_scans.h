// pushed_scans.h: the order and the scans of a session whose agent posts rows without saying
// either.
//
// Pure; one owner, one per session. A scan begins with the first rows of its source and ends when
// the agent says so; ends are idempotent, since agents send them twice and more. Scans of different
// sources run beside each other. On-demand scans have no beginning: the subtree that they cover is
// not known, so nothing is concluded from their end.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/batch/batch.h"

namespace fustor::fusion {

class PushedScans {
 public:
  // What to deliver, in order: `batches` with sequence, scan id and mark, and behind them the end
  // of a scan. An end of a snapshot before any row of one says that the tree is empty.
  std::vector<batch::Batch> Take(std::vector<batch::Batch> batches,
                                 std::optional<batch::Source> ends);
  // The scan begins without rows; nothing to deliver when one of this source has begun.
  std::vector<batch::Batch> Begin(batch::Source source);
  // Whether anything was delivered.
  bool any() const { return last_sequence_ != 0; }

 private:
  struct Scan {
    std::uint64_t id = 0;  // 0: none is going on.
    bool ended_once = false;
  };

  Scan& Of(batch::Source source) { return scans_[static_cast<std::size_t>(source)]; }
  batch::Batch Mark(batch::Source source, batch::ScanMark mark);
  void End(batch::Source source, std::vector<batch::Batch>* out);

  std::array<Scan, 5> scans_;
  std::uint64_t last_scan_id_ = 0;
  std::uint64_t last_sequence_ = 0;
};

}  // namespace fustor::fusion
