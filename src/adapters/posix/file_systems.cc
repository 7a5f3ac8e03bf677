#include "adapters/posix/file_systems.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "adapters/posix/fd.h"

namespace fustor::posix {
namespace {

// Mounts come and go on hosts with automounters; past this many what was known is forgotten.
constexpr std::size_t kKnownMax = 4096;

enum class Nature : std::uint8_t { kLocal, kPseudo, kRemote };

struct KnownType {
  std::uint32_t magic;
  const char* name;
  Nature nature;
};

// statfs(2) and linux/magic.h.
constexpr KnownType kTypes[] = {
    {0xEF53, "ext4", Nature::kLocal},
    {0x58465342, "xfs", Nature::kLocal},
    {0x9123683E, "btrfs", Nature::kLocal},
    {0x01021994, "tmpfs", Nature::kLocal},
    {0x858458F6, "ramfs", Nature::kLocal},
    {0x794C7630, "overlay", Nature::kLocal},
    {0x2FC12FC1, "zfs", Nature::kLocal},
    {0xF2F52010, "f2fs", Nature::kLocal},
    {0xCA451A4E, "bcachefs", Nature::kLocal},
    {0x4D44, "vfat", Nature::kLocal},
    {0x2011BAB0, "exfat", Nature::kLocal},
    {0x5346544E, "ntfs", Nature::kLocal},
    {0x9660, "iso9660", Nature::kLocal},
    {0x73717368, "squashfs", Nature::kLocal},
    {0xE0F5E1E2, "erofs", Nature::kLocal},
    {0x3153464A, "jfs", Nature::kLocal},
    {0x52654973, "reiserfs", Nature::kLocal},
    {0x958458F6, "hugetlbfs", Nature::kLocal},
    {0x6969, "nfs", Nature::kRemote},
    {0x517B, "smb", Nature::kRemote},
    {0xFF534D42, "cifs", Nature::kRemote},
    {0xFE534D42, "smb2", Nature::kRemote},
    {0x00C36400, "ceph", Nature::kRemote},
    {0x65735546, "fuse", Nature::kRemote},
    {0x0BD00BD0, "lustre", Nature::kRemote},
    {0x47504653, "gpfs", Nature::kRemote},
    {0x5346414F, "afs", Nature::kRemote},
    {0x01021997, "9p", Nature::kRemote},
    {0x01161970, "gfs2", Nature::kRemote},
    {0x7461636F, "ocfs2", Nature::kRemote},
    {0x73757245, "coda", Nature::kRemote},
    {0x19830326, "beegfs", Nature::kRemote},
    {0xAAD7AAEA, "panfs", Nature::kRemote},
    {0x786F4256, "vboxsf", Nature::kRemote},
    {0x9FA0, "proc", Nature::kPseudo},
    {0x62656572, "sysfs", Nature::kPseudo},
    {0x27E0EB, "cgroup", Nature::kPseudo},
    {0x63677270, "cgroup2", Nature::kPseudo},
    {0x64626720, "debugfs", Nature::kPseudo},
    {0x74726163, "tracefs", Nature::kPseudo},
    {0x1CD1, "devpts", Nature::kPseudo},
    {0x73636673, "securityfs", Nature::kPseudo},
    {0xCAFE4A11, "bpf", Nature::kPseudo},
    {0x6165676C, "pstore", Nature::kPseudo},
    {0xDE5E81E4, "efivarfs", Nature::kPseudo},
    {0x62656570, "configfs", Nature::kPseudo},
    {0xF97CFF8C, "selinuxfs", Nature::kPseudo},
    {0x43415D53, "smackfs", Nature::kPseudo},
    {0x42494E4D, "binfmt_misc", Nature::kPseudo},
    {0x19800202, "mqueue", Nature::kPseudo},
    {0x6E736673, "nsfs", Nature::kPseudo},
    {0x0187, "autofs", Nature::kPseudo},
    {0x65735543, "fusectl", Nature::kPseudo},
    {0x67596969, "rpc_pipefs", Nature::kPseudo},
    {0x6E667364, "nfsd", Nature::kPseudo},
    {0x7655821, "resctrl", Nature::kPseudo},
    {0xABBA1974, "xenfs", Nature::kPseudo},
    {0x9FA2, "usbfs", Nature::kPseudo},
    {0x5A3C69F0, "apparmorfs", Nature::kPseudo},
    {0x6C6F6F70, "binderfs", Nature::kPseudo},
    {0x444D4142, "dmabuf", Nature::kPseudo},
};

FileSystemFacts FactsFrom(const struct statfs& st) {
  FileSystemFacts facts;
  static_assert(sizeof st.f_fsid == sizeof facts.fsid);
  std::memcpy(&facts.fsid, &st.f_fsid, sizeof facts.fsid);
  const auto magic = static_cast<std::uint32_t>(st.f_type);
  for (const KnownType& known : kTypes) {
    if (known.magic != magic) continue;
    facts.type = known.name;
    facts.pseudo = known.nature == Nature::kPseudo;
    facts.remote = known.nature == Nature::kRemote;
    return facts;
  }
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", magic);
  facts.type = text;
  return facts;
}

// The type in the line of /proc/self/mountinfo that begins with this mount number; empty when there
// is none.
std::string TypeFromMountInfo(std::uint64_t mount) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen("/proc/self/mountinfo", "re"), &std::fclose);
  if (file == nullptr) return {};
  char* line = nullptr;
  std::size_t room = 0;
  std::string type;
  while (type.empty() && getline(&line, &room, file.get()) > 0) {
    if (std::strtoull(line, nullptr, 10) != mount) continue;
    const std::string_view text(line);
    const std::size_t dash = text.find(" - ");
    if (dash == std::string_view::npos) continue;
    const std::string_view rest = text.substr(dash + 3);
    type = std::string(rest.substr(0, rest.find(' ')));
  }
  std::free(line);  // NOLINT: getline's memory.
  return type;
}

}  // namespace

Result<std::shared_ptr<const FileSystemFacts>> FileSystems::Of(int dirfd, std::uint64_t device,
                                                               std::uint64_t mount) {
  const std::pair key(device, mount);
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
  }
  // Not under the lock: a server that does not answer must not stop the other threads.
  struct statfs st{};
  if (fstatfs(dirfd, &st) != 0) return ErrnoStatus(errno, "statfs");
  auto facts = std::make_shared<FileSystemFacts>(FactsFrom(st));
  if (!facts->pseudo) facts->whole_watched = watch_whole_(dirfd, *facts);
  const std::scoped_lock lock(mutex_);
  if (known_.size() >= kKnownMax) known_.clear();
  known_[key] = facts;
  return std::shared_ptr<const FileSystemFacts>(std::move(facts));
}

Result<std::string> FileSystemTypeName(const std::string& path) {
  struct statx st{};
  if (statx(AT_FDCWD, path.c_str(), AT_STATX_SYNC_AS_STAT, STATX_MNT_ID, &st) != 0) {
    return ErrnoStatus(errno, "looking at the path");
  }
  if ((st.stx_mask & STATX_MNT_ID) != 0) {
    // One magic number stands for ext2, ext3 and ext4, and for every FUSE file system.
    std::string type = TypeFromMountInfo(st.stx_mnt_id);
    if (!type.empty()) return type;
  }
  struct statfs fs{};
  if (statfs(path.c_str(), &fs) != 0) return ErrnoStatus(errno, "statfs");
  return FactsFrom(fs).type;
}

}  // namespace fustor::posix
