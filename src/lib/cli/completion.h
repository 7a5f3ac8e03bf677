// completion.h: what makes a shell complete a program's command line, from the program's table.
//
// Pure. The scripts complete commands, topics, options, values that are one of a few, and paths of
// this machine.
#pragma once

#include <string>

#include "lib/cli/command.h"

namespace fustor::cli {

// To be sourced, or put where the shell looks for completions.
std::string BashCompletion(const Program& program);
std::string ZshCompletion(const Program& program);
std::string FishCompletion(const Program& program);

}  // namespace fustor::cli
