// support.h: what of a configuration an agent carries out, and what not yet.
//
// Pure. A key that would be ignored at the cost of wrong data (rows that must not leave, a server
// that is not reached) is refused; one that only tunes is warned about.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "svc/agent/core/config.h"

namespace fustor::agent {

struct Support {
  // Ok, or kUnimplemented / kInvalidArgument with one line per problem. What belongs to disabled
  // pipes only is not looked at.
  Status status;
  std::vector<std::string> warnings;
};

Support CheckSupport(const AgentConfig& config);

}  // namespace fustor::agent
