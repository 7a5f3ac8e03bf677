// share.h: several hosts write to one file system on a server, each sees it through caches, some of
// them have agents; Fusion must make one picture of what they say.
//
// One seed is one run: it decides how many hosts there are, what their clocks say, how long they
// believe what they have seen, what they write, and what breaks. A run is a row of acts: work and
// faults for some minutes, then quiet; when the caches' life has passed and a whole turn of audits
// after it has ended, everything is compared. What must hold at every moment is checked all the
// time (trust.h).
#pragma once

#include "sim/scenarios/converge.h"

namespace fustor::sim {

// Deterministic: equal options, equal report. Of the options, `strict_links` and `drop_one_in` mean
// nothing here.
ConvergeReport RunShare(const ConvergeOptions& options);

// One seed in four is a world of RunConverge, the others are of RunShare.
ConvergeReport RunSeed(const ConvergeOptions& options);

}  // namespace fustor::sim
