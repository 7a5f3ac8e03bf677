// json_report.h: batches as bodies of POST /api/v1/pipe/ingest/{session}/events
// (docs/http-api.md).
//
// Pure. A Fusion that lists the capability "batches" gets everything that a batch holds, in as many
// parts as its size asks for. Any other gets rows as agents of the first generation send them, as
// far as they can say it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/batch/batch.h"

namespace fustor::agent {

// One numbered batch. `batch` must outlive it and stay as it is.
class NumberedReport {
 public:
  // No part is larger than `bytes_max` or one row.
  NumberedReport(const batch::Batch& batch, std::size_t bytes_max);

  std::size_t parts() const { return parts_.size(); }
  std::string Part(std::size_t part) const;

 private:
  // Rows [begin, end) of a block; its head goes with the first of them.
  struct Slice {
    std::size_t block;
    std::size_t begin;
    std::size_t end;
  };
  struct Cut {
    std::size_t changes_begin = 0;
    std::size_t changes_end = 0;
    std::vector<Slice> slices;
  };
  void CutChanges(std::size_t bytes_max);
  void CutBlocks(std::size_t bytes_max);

  const batch::Batch& batch_;
  std::vector<Cut> parts_;
  std::size_t bytes_ = 0;  // Of the last part, estimated from above.
};

// As agents of the first generation make seconds of tv_sec and tv_nsec, to the last bit.
double PlainSeconds(std::int64_t ns);

// The same for a Fusion that knows rows only: lists of them, the end of a scan as is_end. What is
// missing in a listing, that events were lost, and where something was moved to cannot be said.
class PlainReport {
 public:
  PlainReport(const batch::Batch& batch, std::string session_id);

  // Bodies to post, in order; none when there is nothing to say.
  std::vector<std::string> Bodies() const;
  // What was moved is reported as deleted: only a new snapshot shows where it is now.
  bool lost_moves() const { return lost_moves_; }

 private:
  std::string JobEnd() const;

  const batch::Batch& batch_;
  const std::string session_id_;
  bool lost_moves_ = false;
};

}  // namespace fustor::agent
