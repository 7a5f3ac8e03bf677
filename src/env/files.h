// files.h: the few small files that a service keeps for itself (configuration, keys, endpoints).
// Blocking; not for the data path. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace fustor::env {

class Files {
 public:
  virtual ~Files() = default;
  // Errors: kNotFound, kPermissionDenied, kInvalidArgument (a directory, or over limit_bytes).
  virtual Result<std::string> Read(const std::string& path, std::size_t limit_bytes) = 0;
  // Replaces the file as a whole: after a crash the old or the new content is there, synced.
  // Errors: kPermissionDenied, kResourceExhausted (disk full), kNotFound (no such folder).
  virtual Result<void> WriteAtomically(const std::string& path, const std::string& content,
                                       unsigned mode) = 0;
  // Like mkdir -p; an existing directory is fine.
  virtual Result<void> MakeDirectories(const std::string& path, unsigned mode) = 0;
  // Names of the regular files in a directory, sorted. Errors: kNotFound.
  virtual Result<std::vector<std::string>> List(const std::string& path) = 0;
  virtual Result<void> Remove(const std::string& path) = 0;
};

}  // namespace fustor::env
