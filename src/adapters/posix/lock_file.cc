#include "adapters/posix/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace fustor::posix {

Result<LockFile> LockFile::Take(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return ErrnoStatus(errno, path);
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) {
      return Status(Code::kAlreadyExists, path + ": another process holds the lock");
    }
    return ErrnoStatus(errno, path);
  }
  return LockFile(std::move(fd));
}

}  // namespace fustor::posix
