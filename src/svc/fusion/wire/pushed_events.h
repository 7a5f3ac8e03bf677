// pushed_events.h: what an agent posts as JSON, as batches.
//
// Pure. Nothing an agent posts can do more than cost the time and memory of the limits. Events of
// one source that follow each other become one batch: changes in their order, or one block per
// directory, parents first. Blocks are never complete; a directory's own row is the `self` of its
// block.
//
// A body with the member "batch" is one whole batch of an agent of ours, numbered and marked by
// itself, or a part of one; its listings may be complete.
//
// What the body as a whole gets wrong is a BadField; one event or row that makes no sense is
// left out and counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/batch/batch.h"
#include "lib/batch/session.h"
#include "lib/json/tape.h"
#include "svc/fusion/core/numbered_batches.h"

namespace fustor::fusion {

// A member of a body that cannot be understood; `field` is empty for the body itself.
struct BadField {
  std::string field;
  std::string text;
};
// {"detail":[{"loc":["body",FIELD],"msg":TEXT,"type":"value_error"}]}
std::string BadFieldJson(const BadField& bad);

struct PushedEvents {
  // In order. Without sequence, scan id and mark: SessionHost gives them.
  std::vector<batch::Batch> batches;
  // The scan of this source ends behind them.
  std::optional<batch::Source> ends;
  std::uint64_t events = 0;    // All that were sent.
  std::uint64_t rows = 0;      // That are in the batches.
  std::uint64_t rejected = 0;  // Rows that made no sense; an event without usable rows is one.
  std::string source_type;
  std::string session_id;      // Only the older route reads it.
  std::string job_id;          // metadata.job_id
  batch::ConfigReport config;  // Of source_type "config_report".
  std::string job_error;       // metadata.error: why a job could not be done.
  // A numbered batch, or this part of one: batches holds exactly one.
  bool numbered = false;
  NumberedBatches::Part part;
};

struct PushLimits {
  std::size_t rows_max = 1'000'000;
  std::size_t events_max = 100'000;
};

// O(rows log rows). Allocates per directory and per change, not per row of a scan. False: *bad says
// why.
bool DecodePushedEvents(const json::Tape& tape, const PushLimits& limits, PushedEvents* pushed,
                        BadField* bad);

}  // namespace fustor::fusion
