// lock_file.h: "only one process at a time", by a lock on a file that the kernel lets go of when
// the process ends, however it ends. Not thread-safe.
#pragma once

#include <string>
#include <utility>

#include "adapters/posix/fd.h"
#include "base/result.h"

namespace fustor::posix {

class LockFile {
 public:
  // Makes the file (mode 0600) when it is not there; it stays. Errors: kAlreadyExists (another
  // process holds it), kPermissionDenied, kNotFound (no such folder), kResourceExhausted.
  static Result<LockFile> Take(const std::string& path);

 private:
  explicit LockFile(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace fustor::posix
