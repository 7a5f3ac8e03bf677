#include "adapters/posix/file_streams.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "adapters/posix/fd.h"

namespace fustor::posix {
namespace {

constexpr int kBackgroundNice = 10;
// Written out behind the writer's back: the last sync, and what others write, need not wait long.
constexpr std::uint64_t kWriteOutEvery = 8 << 20;
constexpr std::string_view kMark = ".tmp-";

Status Failed(int error, std::string_view doing, const std::string& path) {
  if (error == EIO) return {Code::kDataLoss, std::string(doing) + " " + path + ": I/O error"};
  return ErrnoStatus(error, std::string(doing) + " " + path);
}

std::pair<std::string, std::string> Split(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

class PosixSink final : public env::FileSink {
 public:
  PosixSink(std::string path, std::string temporary, Fd file, Fd directory)
      : path_(std::move(path)),
        temporary_(std::move(temporary)),
        file_(std::move(file)),
        directory_(std::move(directory)) {}
  ~PosixSink() override {
    if (!committed_) unlink(temporary_.c_str());
  }

  Result<void> Append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = write(file_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Failed(errno, "writing", path_);
      bytes.remove_prefix(static_cast<std::size_t>(n));
      written_ += static_cast<std::uint64_t>(n);
    }
    if (written_ - given_ >= kWriteOutEvery) WriteOut();
    return {};
  }

  Result<void> Commit() override {
    if (fsync(file_.get()) != 0) return Failed(errno, "syncing", path_);
    (void)posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
    if (rename(temporary_.c_str(), path_.c_str()) != 0) return Failed(errno, "naming", path_);
    committed_ = true;
    // Some file systems have nothing to sync in a directory and say so.
    if (fsync(directory_.get()) != 0 && errno != EINVAL) {
      return Failed(errno, "syncing the folder of", path_);
    }
    return {};
  }

 private:
  // Begins to write what is new, and lets go of what has been written since the last time.
  void WriteOut() {
    (void)sync_file_range(file_.get(), static_cast<off_t>(given_),
                          static_cast<off_t>(written_ - given_), SYNC_FILE_RANGE_WRITE);
    if (given_ > 0) {
      (void)sync_file_range(
          file_.get(), 0, static_cast<off_t>(given_),
          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
      (void)posix_fadvise(file_.get(), 0, static_cast<off_t>(given_), POSIX_FADV_DONTNEED);
    }
    given_ = written_;
  }

  const std::string path_;
  const std::string temporary_;
  const Fd file_;
  const Fd directory_;
  std::uint64_t written_ = 0;
  std::uint64_t given_ = 0;
  bool committed_ = false;
};

class PosixSource final : public env::FileSource {
 public:
  PosixSource(std::string path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}

  Result<std::string> Read(std::size_t bytes_max) override {
    std::string bytes(bytes_max, '\0');
    std::size_t size = 0;
    while (size < bytes.size()) {
      const ssize_t n = read(file_.get(), bytes.data() + size, bytes.size() - size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Failed(errno, "reading", path_);
      if (n == 0) break;
      size += static_cast<std::size_t>(n);
    }
    bytes.resize(size);
    return bytes;
  }

 private:
  const std::string path_;
  const Fd file_;
};

// What processes that are gone have left of files of this folder.
void RemoveLeftovers(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(directory.c_str()), &closedir);
  if (dir == nullptr) return;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string_view found(entry->d_name);
    const std::size_t mark = found.rfind(kMark);
    if (!found.starts_with('.') || mark == std::string_view::npos) continue;
    const int writer =
        static_cast<int>(std::strtol(entry->d_name + mark + kMark.size(), nullptr, 10));
    if (writer <= 0 || writer == getpid()) continue;
    if (access(("/proc/" + std::to_string(writer)).c_str(), F_OK) == 0) continue;
    unlinkat(dirfd(dir.get()), entry->d_name, 0);
  }
}

class PosixStreams final : public env::FileStreams {
 public:
  Result<std::unique_ptr<env::FileSink>> Create(const std::string& path, unsigned mode) override {
    const auto [directory, name] = Split(path);
    if (name.empty()) return Status(Code::kInvalidArgument, path + " names no file");
    Fd folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.ok()) return Failed(errno, "opening", directory);
    RemoveLeftovers(directory);
    std::string temporary = directory;
    temporary.append("/.").append(name).append(kMark);
    temporary += std::to_string(getpid()) + "-" + std::to_string(++made_);
    Fd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file.ok()) return Failed(errno, "creating", path);
    auto sink =
        std::make_unique<PosixSink>(path, std::move(temporary), std::move(file), std::move(folder));
    return std::unique_ptr<env::FileSink>(std::move(sink));
  }

  Result<std::unique_ptr<env::FileSource>> Open(const std::string& path) override {
    // Non-blocking: a FIFO put in the place of a file must not stop the program.
    Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.ok()) return Failed(errno, "opening", path);
    struct stat st{};
    if (fstat(file.get(), &st) != 0) return Failed(errno, "looking at", path);
    if (!S_ISREG(st.st_mode)) return Status(Code::kInvalidArgument, path + " is not a file");
    (void)posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    auto source = std::make_unique<PosixSource>(path, std::move(file));
    return std::unique_ptr<env::FileSource>(std::move(source));
  }

 private:
  std::atomic<std::uint64_t> made_{0};
};

}  // namespace

std::unique_ptr<env::FileStreams> OpenFileStreams() { return std::make_unique<PosixStreams>(); }

void RunInBackground() {
  // IOPRIO_CLASS_BE, the lowest of its eight levels: idle would wait for ever on a busy disk.
  constexpr int kLowestBestEffort = 2 << 13 | 7;
  const auto thread = static_cast<id_t>(gettid());
  (void)setpriority(PRIO_PROCESS, thread, kBackgroundNice);
  (void)syscall(SYS_ioprio_set, 1, thread, kLowestBestEffort);
}

}  // namespace fustor::posix
