// run.h: carries out one command of the command line.
//
// Blocking; one thread. Memory is bounded by one page of an answer (10,000 entries) and what a
// command says beside it.
#pragma once

#include <string_view>

#include "svc/client/core/options.h"
#include "svc/client/ports.h"

namespace fustor::client {

// Returns the exit code (lib/cli/command.h): kExitOk; kExitFailed when something was not found or
// could not be read; kExitUsage; kExitNotReady when nobody answers or a view is not ready. Of
// several the highest. When nobody reads the output any more, the command ends early and well.
// REQUIRES: `command` is one of CommandTable, but not "up", "config", "completion" or "help".
int Run(std::string_view command, const Options& options, const Ports& ports);

}  // namespace fustor::client
