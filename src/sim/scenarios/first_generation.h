// first_generation.h: agents of the first generation (rows_agent.h) and a Fusion, while hosts crash
// and requests get lost.
//
// After each act there is quiet, and then one audit that looks at everything. From then on the view
// must equal the file system, as far as rows tell of it, and snapshots that are repeated for ever
// must change nothing. All the time, sums equal a recount. Hard links are not made: rows do not
// tell of them.
#pragma once

#include "sim/scenarios/converge.h"

namespace fustor::sim {

// Deterministic: equal options, equal report.
ConvergeReport RunFirstGeneration(const ConvergeOptions& options);

}  // namespace fustor::sim
