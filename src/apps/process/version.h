// version.h: which Fustor this is, "0.1.0".
#pragma once

#include <string>

namespace fustor::process {

std::string Version();

}  // namespace fustor::process
