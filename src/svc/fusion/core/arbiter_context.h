// arbiter_context.h: what the rows of one batch share inside the arbiter.
//
// Private to the arbiter's own files.
#pragma once

#include <cstdint>

#include "svc/fusion/core/arbiter.h"

namespace fustor::fusion {

struct Arbiter::Context {
  Outcome* outcome = nullptr;
  batch::Source source = batch::Source::kRealtime;
  std::uint16_t reporter = 0;
  Now now;
  std::int64_t watermark_ns = 0;

  // Of scans only.
  Scans::Scan* scan = nullptr;
  // Somebody else has confirmed something in realtime since the scan began: rows must look whether
  // it was what they speak of.
  bool others_confirmed = false;

  // Tier 3: found by an audit or a job, announced by nobody.
  bool unannounced() const {
    return source == batch::Source::kAudit || source == batch::Source::kJob;
  }
};

}  // namespace fustor::fusion
