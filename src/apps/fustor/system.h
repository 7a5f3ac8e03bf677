// system.h: the world of the command line: this machine, this terminal, a Fusion over HTTP.
//
// One thread.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "svc/client/ports.h"

namespace fustor {

std::unique_ptr<client::Host> OpenHost();

// stdout and stderr. Colours unless NO_COLOR is set or stdout is no terminal that knows them; as
// many columns as COLUMNS says, else as the terminal has.
std::unique_ptr<client::Terminal> OpenTerminal();

// Connects when first asked. Errors: kInvalidArgument (not a URL).
Result<std::unique_ptr<client::Fusion>> ConnectFusion(const std::string& url,
                                                      const std::string& key);

}  // namespace fustor
