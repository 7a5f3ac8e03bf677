// up.h: `fustor up [DIR...]`: directories shown live, agent and Fusion in one process.
#pragma once

#include <string>

#include "svc/client/core/options.h"

namespace fustor::up {

// Runs until SIGTERM or SIGINT. Returns the exit code: 0 after a stop that was asked for, 1 when it
// could not start. `program` is how the user calls us, for the hints. REQUIRES: no other thread
// runs yet.
int Run(const client::CommonOptions& common, const client::UpOptions& options,
        const std::string& program, const std::string& version);

}  // namespace fustor::up
