// configuration.h: where a service finds its configuration, and the log that it asks for.
#pragma once

#include <memory>
#include <string>

#include "adapters/log/log.h"
#include "base/result.h"
#include "lib/config/logging.h"
#include "lib/config/node.h"

namespace fustor::process {

// `given` (not empty), else $FUSTOR_HOME, else ~/.fustor. Errors: kFailedPrecondition (there is
// none of them).
Result<std::string> HomeDirectory(const std::string& given);

// Reads `given`, a YAML file or a folder of them; empty: the folder `name` of the home directory.
// Errors: kNotFound (the message says what to do), kInvalidArgument (file, line and what is wrong;
// no key at all).
Result<config::Node> LoadConfiguration(const std::string& given, const std::string& name);

// Errors: as log::Open.
Result<std::unique_ptr<log::Log>> OpenLog(const config::LoggingConfig& config);

}  // namespace fustor::process
