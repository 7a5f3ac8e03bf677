// parse.h: reads a command line by a lib/cli table, on CLI11.
//
// Values reach their targets byte for byte. What the parser answers itself: `--help` anywhere (also
// `-h` where the command has no -h of its own), `help [COMMAND]` when the table has a command of
// that name, `--version`. Thread-safe as far as the targets are.
#pragma once

#include <string>
#include <vector>

#include "lib/cli/command.h"

namespace fustor::cli11 {

// `args` without the program's own name. Fills the targets of the command that it returns in
// Outcome::command. Mistakes come back as a text that says what to write instead, exit code 2.
cli::Outcome Parse(const cli::Program& program, const std::vector<std::string>& args);

}  // namespace fustor::cli11
