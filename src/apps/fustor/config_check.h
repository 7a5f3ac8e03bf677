// config_check.h: `fustor config check`.
#pragma once

#include "svc/client/core/options.h"
#include "svc/client/ports.h"

namespace fustor {

// Reads each path as the service would, and says what is wrong with it, one line per fault.
// Returns the exit code: kExitFailed when anything is.
int CheckConfig(const client::ConfigOptions& options, client::Terminal& terminal);

}  // namespace fustor
