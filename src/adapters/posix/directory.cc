#include "adapters/posix/directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "base/path.h"
#include "base/time.h"

namespace fustor::posix {
namespace {

// A path given to the kernel must be shorter than PATH_MAX (4096) with its NUL.
constexpr std::size_t kSegmentBytesMax = 4000;
constexpr int kLookFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kListFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

int OpenBeneath(int dirfd, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  // EAGAIN: a rename went on meanwhile and the kernel could not be sure to stay inside.
  for (int attempt = 0; attempt < 16; ++attempt) {
    const long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return static_cast<int>(fd);
  }
  return -1;
}

// Opens one run of components below `dirfd`. The plain openat takes one component at a time, since
// O_NOFOLLOW speaks of the last one only.
int OpenRun(int dirfd, const std::string& run, int flags, bool component_walk) {
  if (!component_walk) return OpenBeneath(dirfd, run.c_str(), flags);
  Fd at;
  std::string_view rest = run;
  for (;;) {
    const std::size_t slash = rest.find('/');
    const bool last = slash == std::string_view::npos;
    const std::string name(rest.substr(0, slash));
    const int fd = openat(at.ok() ? at.get() : dirfd, name.c_str(), last ? flags : kLookFlags);
    if (fd < 0 || last) return fd;
    at = Fd(fd);
    rest.remove_prefix(slash + 1);
  }
}

// O_NOATIME is for owners and the privileged; others can only do without.
int OpenLast(int dirfd, const std::string& run, OpenFor purpose, bool component_walk) {
  if (purpose == OpenFor::kLooking) return OpenRun(dirfd, run, kLookFlags, component_walk);
  const int fd = OpenRun(dirfd, run, kListFlags | O_NOATIME, component_walk);
  if (fd >= 0 || errno != EPERM) return fd;
  return OpenRun(dirfd, run, kListFlags, component_walk);
}

EntryKind KindOf(unsigned mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return EntryKind::kFile;
    case S_IFDIR:
      return EntryKind::kDirectory;
    case S_IFLNK:
      return EntryKind::kSymlink;
    default:
      return EntryKind::kOther;
  }
}

bool HasOpenat2(int dirfd) {
  const Fd probe(OpenBeneath(dirfd, ".", kLookFlags));
  return probe.ok();
}

}  // namespace

Root::Root(std::string path) : path_(std::move(path)) {}

Result<std::unique_ptr<Root>> Root::Open(const std::string& path, bool component_walk) {
  std::unique_ptr<Root> root(new Root(path));
  FUSTOR_TRY(root->LookAgain());
  root->component_walk_ = component_walk || !HasOpenat2(root->Pin()->get());
  return root;
}

std::shared_ptr<const Fd> Root::Pin() const {
  const std::scoped_lock lock(mutex_);
  return fd_;
}

std::uint64_t Root::device() const {
  const std::scoped_lock lock(mutex_);
  return device_;
}

Status Root::LookAgain() {
  // The operator's own path: symlinks in it are meant.
  Fd now(open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!now.ok()) return ErrnoStatus(errno, "opening the root");
  Result<SelfAttrs> self = ReadSelf(now.get());
  if (!self.ok()) return self.status();
  const std::scoped_lock lock(mutex_);
  device_ = self->attrs.device;
  fd_ = std::make_shared<const Fd>(std::move(now));
  return {};
}

Result<Fd> Root::OpenDirectory(std::string_view path, OpenFor purpose) {
  if (!IsNormalViewPath(path)) {
    return Status(Code::kInvalidArgument, "not a path of this tree: " + PrintablePath(path));
  }
  if (path == "/") FUSTOR_TRY(LookAgain());
  const std::shared_ptr<const Fd> root = Pin();
  std::string_view rest = path == "/" ? std::string_view(".") : path.substr(1);
  Fd at;
  std::string run;
  for (;;) {
    const int dirfd = at.ok() ? at.get() : root->get();
    const bool last = rest.size() <= kSegmentBytesMax;
    const std::size_t end = last ? rest.size() : rest.rfind('/', kSegmentBytesMax);
    run.assign(rest.substr(0, end));
    Fd next(last ? OpenLast(dirfd, run, purpose, component_walk_)
                 : OpenRun(dirfd, run, kLookFlags, component_walk_));
    if (!next.ok()) return ErrnoStatus(errno, "opening the directory");
    if (last) return next;
    at = std::move(next);
    rest.remove_prefix(end + 1);
  }
}

void ReadAttrs(const struct statx& st, EntryAttrs* attrs) {
  const auto time = [](const statx_timestamp& t) {
    return WallTime::FromParts(t.tv_sec, std::int64_t{t.tv_nsec}).ns;
  };
  attrs->kind = KindOf(st.stx_mode);
  attrs->mode = st.stx_mode;
  attrs->uid = st.stx_uid;
  attrs->gid = st.stx_gid;
  attrs->nlink = st.stx_nlink;
  attrs->inode = st.stx_ino;
  attrs->device = makedev(st.stx_dev_major, st.stx_dev_minor);
  attrs->size_bytes = static_cast<std::int64_t>(st.stx_size);
  attrs->allocated_bytes = static_cast<std::int64_t>(st.stx_blocks) * 512;
  attrs->mtime_ns = time(st.stx_mtime);
  attrs->ctime_ns = time(st.stx_ctime);
  attrs->atime_ns = time(st.stx_atime);
}

Result<SelfAttrs> ReadSelf(int dirfd) {
  // Since Linux 6.8: a number of the mount that is not given out again.
  constexpr unsigned kMountIdUnique = 0x4000;
  struct statx st{};
  if (statx(dirfd, "", AT_EMPTY_PATH | AT_STATX_SYNC_AS_STAT | AT_NO_AUTOMOUNT,
            STATX_BASIC_STATS | STATX_MNT_ID | kMountIdUnique, &st) != 0) {
    return ErrnoStatus(errno, "reading the directory's attributes");
  }
  const bool mount_known = (st.stx_mask & (STATX_MNT_ID | kMountIdUnique)) != 0;
  SelfAttrs self;
  ReadAttrs(st, &self.attrs);
  self.mount = mount_known ? st.stx_mnt_id : 0;
  return self;
}

}  // namespace fustor::posix
