#include "adapters/posix/fd.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace fustor::posix {

void Fd::Reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Status ErrnoStatus(int error, std::string_view doing) {
  const auto code = [error] {
    switch (error) {
      case ENOENT:
        return Code::kNotFound;
      case ENOTDIR:
      case ELOOP:
        return Code::kFailedPrecondition;
      case EACCES:
      case EPERM:
        return Code::kPermissionDenied;
      case ENOSPC:
      case EDQUOT:
      case EMFILE:
      case ENFILE:
      case ENOMEM:
        return Code::kResourceExhausted;
      default:
        return Code::kUnavailable;
    }
  }();
  char text[128] = {};
  return {code, std::string(doing) + ": " + strerror_r(error, text, sizeof text)};
}

}  // namespace fustor::posix
