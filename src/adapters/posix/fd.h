// fd.h: a file descriptor with an owner, and what errno means.
//
// Not thread-safe.
#pragma once

#include <string_view>
#include <utility>

#include "base/result.h"

namespace fustor::posix {

class Fd {
 public:
  Fd() = default;
  // Takes ownership; a negative number is no descriptor.
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { Reset(); }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  void Reset();

 private:
  int fd_ = -1;
};

// The Status that env::Tree and env::Files promise for an errno: ENOENT kNotFound; ENOTDIR and
// ELOOP kFailedPrecondition; EACCES and EPERM kPermissionDenied; ENOSPC, EDQUOT, EMFILE, ENFILE and
// ENOMEM kResourceExhausted; everything else kUnavailable. The message is "<doing>: <text>".
// REQUIRES: error is not 0.
Status ErrnoStatus(int error, std::string_view doing);

}  // namespace fustor::posix
