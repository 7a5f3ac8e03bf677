#include "adapters/posix/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "adapters/posix/fd.h"

namespace fustor::posix {
namespace {

constexpr std::string_view kTemporaryMark = ".tmp-";

Status Failed(int error, std::string_view doing, const std::string& path) {
  return ErrnoStatus(error, std::string(doing) + " " + path);
}

std::string DirectoryOf(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string NameOf(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

bool IsTemporary(std::string_view name) {
  return name.starts_with('.') && name.find(kTemporaryMark) != std::string_view::npos;
}

Result<void> WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(errno, "writing", path);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> SyncDirectory(const std::string& path) {
  const Fd dir(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir.ok()) return Failed(errno, "opening", path);
  // Some file systems have nothing to sync in a directory and say so.
  if (fsync(dir.get()) != 0 && errno != EINVAL) return Failed(errno, "syncing", path);
  return {};
}

class PosixFiles final : public env::Files {
 public:
  Result<std::string> Read(const std::string& path, std::size_t limit_bytes) override {
    // Non-blocking: a FIFO put in the place of a file must not stop the program.
    const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.ok()) return Failed(errno, "opening", path);
    struct stat st{};
    if (fstat(file.get(), &st) != 0) return Failed(errno, "looking at", path);
    if (!S_ISREG(st.st_mode)) return Status(Code::kInvalidArgument, path + " is not a file");
    std::string content;
    char buffer[64 * 1024];
    for (;;) {
      const ssize_t n = read(file.get(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Failed(errno, "reading", path);
      if (n == 0) return content;
      content.append(buffer, static_cast<std::size_t>(n));
      if (content.size() > limit_bytes) {
        return Status(Code::kInvalidArgument,
                      path + " is larger than " + std::to_string(limit_bytes) + " bytes");
      }
    }
  }

  Result<void> WriteAtomically(const std::string& path, const std::string& content,
                               unsigned mode) override {
    const std::string directory = DirectoryOf(path);
    const std::string name = NameOf(path);
    if (name.empty()) return Status(Code::kInvalidArgument, path + " names no file");
    RemoveLeftovers(directory, name);
    const std::string temporary = directory + "/." + name + std::string(kTemporaryMark) +
                                  std::to_string(getpid()) + "-" + std::to_string(++written_);
    Result<void> done = WriteSynced(temporary, content, mode);
    if (done.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
      done = Failed(errno, "replacing", path);
    }
    if (!done.ok()) {
      unlink(temporary.c_str());
      return done;
    }
    return SyncDirectory(directory);
  }

  Result<void> MakeDirectories(const std::string& path, unsigned mode) override {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string part = path.substr(0, end);
      FUSTOR_TRY(MakeDirectory(part, mode));
      if (end == std::string::npos) return {};
    }
  }

  Result<std::vector<std::string>> List(const std::string& path) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(path.c_str()), &closedir);
    if (dir == nullptr) return Failed(errno, "opening", path);
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* entry = readdir(dir.get());
      if (entry == nullptr && errno != 0) return Failed(errno, "reading", path);
      if (entry == nullptr) break;
      struct stat st{};
      if (IsTemporary(entry->d_name) ||
          fstatat(dirfd(dir.get()), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
          !S_ISREG(st.st_mode)) {
        continue;
      }
      names.emplace_back(entry->d_name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> Remove(const std::string& path) override {
    if (unlink(path.c_str()) != 0) {
      if (errno == EISDIR) return Status(Code::kInvalidArgument, path + " is a directory");
      return Failed(errno, "removing", path);
    }
    return SyncDirectory(DirectoryOf(path));
  }

 private:
  static Result<void> WriteSynced(const std::string& path, const std::string& content,
                                  unsigned mode) {
    const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file.ok()) return Failed(errno, "creating", path);
    // The mode asked for, whatever the umask.
    if (fchmod(file.get(), mode) != 0) return Failed(errno, "setting the mode of", path);
    FUSTOR_TRY(WriteAll(file.get(), content, path));
    if (fsync(file.get()) != 0) return Failed(errno, "syncing", path);
    return {};
  }

  // What a crash in the middle of a write of this name left behind. Files of living processes stay:
  // another process may be writing the same name now.
  static void RemoveLeftovers(const std::string& directory, const std::string& name) {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(directory.c_str()), &closedir);
    if (dir == nullptr) return;
    const std::string mark = "." + name + std::string(kTemporaryMark);
    while (const dirent* entry = readdir(dir.get())) {
      const std::string_view found(entry->d_name);
      if (!found.starts_with(mark)) continue;
      const int writer = std::atoi(entry->d_name + mark.size());
      if (writer <= 0 || writer == getpid()) continue;
      if (access(("/proc/" + std::to_string(writer)).c_str(), F_OK) == 0) continue;
      unlinkat(dirfd(dir.get()), entry->d_name, 0);
    }
  }

  static Result<void> MakeDirectory(const std::string& path, unsigned mode) {
    if (path.empty()) return {};
    if (mkdir(path.c_str(), mode) == 0) return SyncDirectory(DirectoryOf(path));
    const int error = errno;
    struct stat st{};
    if (stat(path.c_str(), &st) == 0) {
      if (S_ISDIR(st.st_mode)) return {};
      return Status(Code::kFailedPrecondition, path + " exists and is not a directory");
    }
    return Failed(error, "creating", path);
  }

  std::atomic<std::uint64_t> written_{0};
};

}  // namespace

std::unique_ptr<env::Files> OpenFiles() { return std::make_unique<PosixFiles>(); }

}  // namespace fustor::posix
