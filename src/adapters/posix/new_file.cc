#include "adapters/posix/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "adapters/posix/console.h"

namespace fustor::posix {
namespace {

constexpr unsigned kMode = 0666;  // Less the umask.

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string TemporaryName(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return FolderOf(path) + "/." + name + ".tmp-" + std::to_string(getpid());
}

Status Failed(std::string_view doing, const std::string& path) {
  return ErrnoStatus(errno, std::string(doing) + " " + path);
}

}  // namespace

Result<NewFile> NewFile::Create(const std::string& path) {
  if (path.empty() || path.ends_with('/')) {
    return Status(Code::kInvalidArgument, "'" + path + "' names no file");
  }
  NewFile file;
  file.path_ = path;
  struct stat st{};
  if (stat(path.c_str(), &st) == 0) {
    if (S_ISDIR(st.st_mode)) return Status(Code::kInvalidArgument, path + " is a directory");
    if (!S_ISREG(st.st_mode)) {
      file.path_.clear();
      file.file_ = Fd(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
      if (!file.file_.ok()) return Failed("opening", path);
      return file;
    }
    if (access(path.c_str(), W_OK) != 0) return Failed("writing", path);
    file.mode_ = st.st_mode & 0777u;
    FUSTOR_TRY_ASSIGN(file.path_, RealPath(path));
  }
  FUSTOR_TRY(file.OpenTemporary());
  return file;
}

NewFile::~NewFile() {
  if (file_.ok() && !temporary_.empty()) unlink(temporary_.c_str());
}

Status NewFile::OpenTemporary() {
  const std::string folder = FolderOf(path_);
  file_ = Fd(open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, kMode));
  const bool unsupported = errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL;
  if (!file_.ok() && unsupported) {
    const std::string name = TemporaryName(path_);
    unlink(name.c_str());  // Of a process with this number that is no more.
    file_ = Fd(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode));
    if (file_.ok()) temporary_ = name;
  }
  if (!file_.ok()) return Failed("creating", path_);
  if (mode_ != 0 && fchmod(file_.get(), mode_) != 0) return Failed("setting the mode of", path_);
  return {};
}

Status NewFile::Write(std::string_view bytes) { return WriteFully(file_.get(), bytes); }

Status NewFile::PutInPlace() {
  if (temporary_.empty()) {
    const std::string name = TemporaryName(path_);
    const std::string handle = "/proc/self/fd/" + std::to_string(file_.get());
    unlink(name.c_str());
    if (linkat(AT_FDCWD, handle.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      return Failed("naming", name);
    }
    temporary_ = name;
  }
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return Failed("replacing", path_);
  temporary_.clear();
  const Fd folder(open(FolderOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems have nothing to sync in a directory and say so.
  if (!folder.ok() || (fsync(folder.get()) != 0 && errno != EINVAL)) {
    return Failed("syncing the folder of", path_);
  }
  return {};
}

Status NewFile::Commit() {
  if (!path_.empty()) {
    if (fsync(file_.get()) != 0) return Failed("syncing", path_);
    FUSTOR_TRY(PutInPlace());
  }
  file_.Reset();
  return {};
}

}  // namespace fustor::posix
