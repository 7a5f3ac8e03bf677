// configuration.h: where a service finds its configuration, and the log that it asks for.
#pragma once

#include <functional>
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

// What a file is to hold.
struct FileChange {
  std::string path = {};  // Empty: nothing is to change.
  std::string text = {};
};

// Reads `given`, a YAML file or a folder of them; empty: the folder `name` of the home directory.
// As it would be with `change`. Errors: kNotFound (the message says what to do), kInvalidArgument
// (file, line and what is wrong; no key at all).
Result<config::Node> LoadConfiguration(const std::string& given, const std::string& name,
                                       const FileChange& change = {});
// Which file or folder that is. Errors: as HomeDirectory.
Result<std::string> ConfigurationPath(const std::string& given, const std::string& name);
// Its name, without the folders above; of a folder with one file, that file's.
std::string ConfigurationName(const std::string& path);
// The path of the file called `name` in it, which need not be there yet. Errors: kInvalidArgument
// (a name that could lead elsewhere).
Result<std::string> ConfigurationFile(const std::string& path, const std::string& name);
// Replaces a file, keeps what it held beside it with ".bak", and calls `use`. When that fails the
// file is as before, `use` has been called once more, and its first error is returned. Errors also:
// what writing gives; then nothing has changed.
Status ReplaceFile(const FileChange& change, const std::function<Status()>& use);

// Errors: as log::Open.
Result<std::unique_ptr<log::Log>> OpenLog(const config::LoggingConfig& config);

}  // namespace fustor::process
