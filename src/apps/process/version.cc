#include "apps/process/version.h"

namespace fustor::process {

std::string Version() { return FUSTOR_VERSION; }

}  // namespace fustor::process
