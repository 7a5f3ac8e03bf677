// topics.h: what `fustor help` tells about that is no command.
//
// Pure.
#pragma once

#include <vector>

#include "lib/cli/command.h"

namespace fustor::client {

std::vector<cli::Topic> HelpTopics();

}  // namespace fustor::client
