#include "adapters/posix/lister.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/time.h"

namespace fustor::posix {
namespace {

constexpr std::size_t kEntriesBytes = 256 * 1024;
// An entry list holds targets up to this long; the kernel's own limit is PATH_MAX.
constexpr std::size_t kTargetBytes = 65'535;
// linux_dirent64: inode 8, offset 8, record size 2, type 1, name.
constexpr std::size_t kRecordSizeAt = 16;
constexpr std::size_t kTypeAt = 18;
constexpr std::size_t kNameAt = 19;
constexpr int kScanFlags = AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;

bool IsDots(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

WallTime WallNow() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return WallTime::FromParts(now.tv_sec, now.tv_nsec);
}

std::uint16_t RecordSize(const std::byte* record) {
  std::uint16_t size = 0;
  std::memcpy(&size, record + kRecordSizeAt, sizeof size);
  return size;
}

unsigned TypeOf(std::string_view name_in_record) {
  return static_cast<unsigned char>(*(name_in_record.data() - (kNameAt - kTypeAt)));
}

EntryAttrs AttrsFromType(unsigned type) {
  EntryAttrs attrs;
  attrs.kind = type == DT_REG   ? EntryKind::kFile
               : type == DT_DIR ? EntryKind::kDirectory
               : type == DT_LNK ? EntryKind::kSymlink
                                : EntryKind::kOther;
  attrs.mode = DTTOIF(type);
  return attrs;
}

// A directory that is changed while it is read, or a careless file system, can give a name twice.
void DropRepeated(EntryList* children) {
  for (std::size_t i = children->size(); i > 1; --i) {
    if (children->name(i - 1) == children->name(i - 2)) children->Erase(i - 1);
  }
}

}  // namespace

Lister::Lister(Root& root, FileSystems& file_systems, Watcher& watcher, OpLimiter& limiter,
               ListerOptions options)
    : root_(root),
      file_systems_(file_systems),
      watcher_(watcher),
      limiter_(limiter),
      options_(options),
      entries_(kEntriesBytes),
      target_(kTargetBytes) {}

env::ListedDir Lister::List(const env::ListRequest& request) {
  env::ListedDir listed;
  listed.dir = request.dir;
  limiter_.Take(request.known.inode != 0 ? 1 : 3);
  listed.started_at = WallNow();
  const auto failed = [&](Status status) {
    if (request.watch) listed.watch_status = status;
    listed.status = std::move(status);
    return std::move(listed);
  };
  const Result<Fd> dir = root_.OpenDirectory(request.path, OpenFor::kListing);
  if (!dir.ok()) return failed(dir.status());
  const Result<SelfAttrs> self = ReadSelf(dir->get());
  if (!self.ok()) return failed(self.status());
  listed.self = self->attrs;
  if (request.expected_inode != 0 && self->attrs.inode != request.expected_inode) {
    return failed({Code::kAborted, "another directory lies at this path now"});
  }
  if (request.known.Is(self->attrs)) {
    listed.unchanged = true;
    return listed;
  }
  if (request.known.inode != 0) limiter_.Take(2);
  const auto facts = FactsOf(dir->get(), *self);
  if (!facts.ok()) return failed(facts.status());
  listed.remote = (*facts)->remote;
  if (LeavesAlone(self->attrs, **facts)) return listed;
  if (request.watch) {
    listed.watch_status = watcher_.Cover(request.dir, dir->get(), **facts);
    // What changed the directory since the first look and before the watch is no event.
    const Result<SelfAttrs> watched = ReadSelf(dir->get());
    if (!watched.ok()) return failed(watched.status());
    listed.self = watched->attrs;
  }
  listed.status = ReadChildren(dir->get(), &listed.children);
  return listed;
}

Result<std::shared_ptr<const FileSystemFacts>> Lister::FactsOf(int dirfd, const SelfAttrs& self) {
  if (facts_ != nullptr && facts_device_ == self.attrs.device && facts_mount_ == self.mount) {
    return facts_;
  }
  FUSTOR_TRY_ASSIGN(facts_, file_systems_.Of(dirfd, self.attrs.device, self.mount));
  facts_device_ = self.attrs.device;
  facts_mount_ = self.mount;
  return facts_;
}

bool Lister::LeavesAlone(const EntryAttrs& self, const FileSystemFacts& facts) const {
  const std::uint64_t root_device = root_.device();
  // Who asks for a tree that is itself in /proc means it.
  if (self.device == root_device) return false;
  return options_.one_file_system || (options_.skip_pseudo_file_systems && facts.pseudo);
}

Status Lister::ReadChildren(int dirfd, EntryList* children) {
  Status first_error;
  for (int buffers = 0;; ++buffers) {
    const long n = syscall(SYS_getdents64, dirfd, entries_.data(), entries_.size());
    if (n < 0 && errno == EINTR) continue;
    Status status = n < 0 ? ErrnoStatus(errno, "reading the directory") : first_error;
    if (n > 0) {
      status = ReadBuffer(dirfd, static_cast<std::size_t>(n), children, &first_error);
      if (status.ok()) continue;
    }
    if (buffers > 1) children->SortByName();  // Each buffer was in order by itself.
    DropRepeated(children);
    return status;
  }
}

std::span<const std::uint32_t> Lister::SortNames(std::size_t bytes, EntryList* children) {
  names_.clear();
  std::size_t names_bytes = 0;
  for (std::size_t at = 0; at < bytes;) {
    const std::byte* record = entries_.data() + at;
    const std::size_t size = RecordSize(record);
    at += size;
    const auto* name = reinterpret_cast<const char*>(record + kNameAt);
    if (IsDots(name)) continue;
    names_.emplace_back(name, strnlen(name, size - kNameAt));
    names_bytes += names_.back().size();
  }
  // The first buffer nearly always holds the whole directory; more of them grow as vectors do.
  if (children->empty()) children->Reserve(names_.size(), names_bytes);
  return order_.Sort(names_);
}

// In the order of the names, which is how the answer is wanted and often how the files were made:
// then they lie side by side in the kernel's memory too.
Status Lister::ReadBuffer(int dirfd, std::size_t bytes, EntryList* children, Status* first_error) {
  constexpr std::size_t kOpsAtOnce = 64;
  const std::span<const std::uint32_t> order = SortNames(bytes, children);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (i % kOpsAtOnce == 0) limiter_.Take(std::min(kOpsAtOnce, names_.size() - i));
    const std::string_view name = names_[order.empty() ? i : order[i]];
    const Status status = LookAt(dirfd, name, children, first_error);
    if (!status.ok()) return status;
  }
  return {};
}

Status Lister::LookAt(int dirfd, std::string_view name, EntryList* children, Status* first_error) {
  struct statx st;
  const char* const text = name.data();  // The kernel has put a zero behind it.
  if (statx(dirfd, text, kScanFlags, STATX_BASIC_STATS, &st) == 0) [[likely]] {
    const std::string_view target =
        S_ISLNK(st.stx_mode) ? ReadTarget(dirfd, text) : std::string_view();
    ReadAttrs(st, &children->AppendRow(name, target));
    return {};
  }
  const int error = errno;
  if (error == ENOENT) return {};  // It was removed since the directory was read.
  if (error == EACCES || error == EPERM) {
    // Without the right to search the directory nothing can be looked at. With it, one entry alone
    // refuses: the mount point of another user's FUSE. It is there, and that is all there is to
    // say.
    if (statx(dirfd, ".", kScanFlags, STATX_BASIC_STATS, &st) != 0) {
      return ErrnoStatus(error, "looking at an entry");
    }
    children->Append(name, AttrsFromType(TypeOf(name)));
    return {};
  }
  if (first_error->ok())
    *first_error = {Code::kUnavailable, ErrnoStatus(error, "looking at an entry").message()};
  return {};
}

std::string_view Lister::ReadTarget(int dirfd, const char* name) {
  const ssize_t n = readlinkat(dirfd, name, target_.data(), target_.size());
  return n > 0 ? std::string_view(target_.data(), static_cast<std::size_t>(n)) : std::string_view();
}

void Lister::Stat(std::span<const env::StatRequest> requests,
                  std::span<env::StattedEntry> answers) {
  limiter_.Take(1 + requests.size());
  const env::StatRequest& first = requests.front();
  const Result<Fd> dir = root_.OpenDirectory(first.dir_path, OpenFor::kLooking);
  Status status = dir.status();
  if (status.code() == Code::kNotFound || status.code() == Code::kFailedPrecondition) {
    status = Status(Code::kAborted, "the directory is not at that path any more");
  }
  if (status.ok() && first.expected_inode != 0) {
    const Result<SelfAttrs> self = ReadSelf(dir->get());
    status = self.status();
    if (self.ok() && self->attrs.inode != first.expected_inode) {
      status = Status(Code::kAborted, "another directory lies at this path now");
    }
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    answers[i].dir = requests[i].dir;
    answers[i].name = requests[i].name;
    answers[i].status = status;
    if (status.ok()) StatOne(dir->get(), requests[i], &answers[i]);
  }
}

void Lister::StatOne(int dirfd, const env::StatRequest& request, env::StattedEntry* answer) {
  if (request.name.empty()) {
    Result<SelfAttrs> self = ReadSelf(dirfd);
    answer->status = self.status();
    if (self.ok()) answer->attrs = self->attrs;
    return;
  }
  const std::string& name = request.name;
  if (name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos) {
    answer->status = {Code::kInvalidArgument, "not the name of an entry"};
    return;
  }
  struct statx st;
  const int sync = request.fresh ? AT_STATX_FORCE_SYNC : AT_STATX_SYNC_AS_STAT;
  if (statx(dirfd, name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | sync, STATX_BASIC_STATS,
            &st) != 0) {
    const int error = errno;
    // A name that is too long for the file system cannot be in it.
    answer->status = ErrnoStatus(error == ENAMETOOLONG ? ENOENT : error, "looking at the entry");
    return;
  }
  ReadAttrs(st, &answer->attrs);
  if (answer->attrs.kind == EntryKind::kSymlink) answer->target = ReadTarget(dirfd, name.c_str());
}

}  // namespace fustor::posix
