#include "svc/fusion/wire/pushed_rows.h"

#include <cmath>
#include <limits>
#include <optional>

#include "base/path.h"
#include "base/time.h"

namespace fustor::fusion {
namespace {

using json::Tape;

constexpr std::uint32_t kTypeMask = 0170000;
constexpr std::uint32_t kDirectoryType = 0040000;
constexpr std::uint32_t kRegularType = 0100000;
constexpr std::uint32_t kSymlinkType = 0120000;
constexpr std::int64_t kBlockBytes = 4096;

// A whole number; a double without fraction is one, too.
template <class T>
bool ReadInteger(Tape::Node node, T* out) {
  if (node.kind() == Tape::Kind::kInt) {
    if (!std::in_range<T>(node.Int())) return false;
    *out = static_cast<T>(node.Int());
    return true;
  }
  if (node.kind() == Tape::Kind::kUint) {
    if (!std::in_range<T>(node.Uint())) return false;
    *out = static_cast<T>(node.Uint());
    return true;
  }
  if (node.kind() != Tape::Kind::kDouble) return false;
  const double number = node.Number();
  constexpr double kEnd = 0x1p63;
  if (number != std::trunc(number) || number < -kEnd || number >= kEnd) return false;
  const auto whole = static_cast<std::int64_t>(number);
  if (!std::in_range<T>(whole)) return false;
  *out = static_cast<T>(whole);
  return true;
}

bool ReadBool(Tape::Node node, bool* out) {
  if (node.kind() == Tape::Kind::kBool) {
    *out = node.Bool();
    return true;
  }
  int number = 0;
  if (!ReadInteger(node, &number) || number < 0 || number > 1) return false;
  *out = number == 1;
  return true;
}

bool ReadText(Tape::Node node, std::string_view* out) {
  if (!node.is_string()) return false;
  *out = node.String();
  return true;
}

bool ReadSeconds(Tape::Node node, std::int64_t* ns) {
  if (!node.is_number()) return false;
  *ns = NanosOf(node.Number());
  return true;
}

// What a row says about times in two ways, and what says of which kind the entry is.
struct Claims {
  std::optional<std::int64_t> mtime_ns;
  std::optional<std::int64_t> ctime_ns;
  std::optional<std::int64_t> atime_ns;
  std::optional<std::int64_t> changed_ns;  // Stronger than created_time, an older name for it.
  std::optional<std::int64_t> allocated;
  bool is_directory = false;
  std::optional<EntryKind> kind;  // Then the mode stays as it is.
};

bool ReadNanos(Tape::Node node, std::optional<std::int64_t>* out) {
  return ReadInteger(node, &out->emplace());
}

bool ReadField(RowField field, Tape::Node node, PushedRow* row, Claims* claims) {
  EntryAttrs& attrs = row->attrs;
  if (node.is_null()) return true;
  switch (field) {
    case RowField::kUnknown:
      return true;
    case RowField::kPath:
      return ReadText(node, &row->path);
    case RowField::kName:
      return ReadText(node, &row->name);
    case RowField::kKind: {
      int kind = 0;
      if (!ReadInteger(node, &kind) || kind < 0 || kind > static_cast<int>(EntryKind::kOther)) {
        return false;
      }
      claims->kind = static_cast<EntryKind>(kind);
      return true;
    }
    case RowField::kOldPath:
      return ReadText(node, &row->old_path);
    case RowField::kMoved:
      return ReadInteger(node, &row->moved);
    case RowField::kSize:
      return ReadInteger(node, &attrs.size_bytes) && attrs.size_bytes >= 0;
    case RowField::kModifiedTime:
      return ReadSeconds(node, &attrs.mtime_ns);
    case RowField::kModifiedTimeNs:
      return ReadNanos(node, &claims->mtime_ns);
    case RowField::kCreatedTime:
      return ReadSeconds(node, &attrs.ctime_ns);
    case RowField::kChangedTime:
      return ReadSeconds(node, &claims->changed_ns.emplace());
    case RowField::kChangedTimeNs:
      return ReadNanos(node, &claims->ctime_ns);
    case RowField::kAccessedTime:
      return ReadSeconds(node, &attrs.atime_ns);
    case RowField::kAccessedTimeNs:
      return ReadNanos(node, &claims->atime_ns);
    case RowField::kIsDirectory:
      return ReadBool(node, &claims->is_directory);
    case RowField::kIsAtomicWrite:
      return ReadBool(node, &row->atomic);
    case RowField::kParentMtime:
      return ReadSeconds(node, &row->parent_mtime_ns);
    case RowField::kAuditSkipped:
      return ReadBool(node, &row->silent);
    case RowField::kMode:
      return ReadInteger(node, &attrs.mode);
    case RowField::kUid:
      return ReadInteger(node, &attrs.uid);
    case RowField::kGid:
      return ReadInteger(node, &attrs.gid);
    case RowField::kNlink:
      return ReadInteger(node, &attrs.nlink);
    case RowField::kInode:
      return ReadInteger(node, &attrs.inode);
    case RowField::kDevice:
      return ReadInteger(node, &attrs.device);
    case RowField::kAllocatedSize:
      return ReadNanos(node, &claims->allocated) && *claims->allocated >= 0;
    case RowField::kSymlinkTarget:
      return ReadText(node, &row->target);
  }
  return true;
}

EntryKind KindOf(const PushedRow& row, bool is_directory) {
  const std::uint32_t type = row.attrs.mode & kTypeMask;
  if (is_directory || type == kDirectoryType) return EntryKind::kDirectory;
  if (type == kSymlinkType || (type == 0 && !row.target.empty())) return EntryKind::kSymlink;
  return type == 0 || type == kRegularType ? EntryKind::kFile : EntryKind::kOther;
}

std::uint32_t TypeOf(EntryKind kind) {
  switch (kind) {
    case EntryKind::kDirectory:
      return kDirectoryType;
    case EntryKind::kSymlink:
      return kSymlinkType;
    default:
      return kRegularType;
  }
}

bool Settle(const Claims& claims, PushedRow* row) {
  EntryAttrs& attrs = row->attrs;
  attrs.mtime_ns = claims.mtime_ns.value_or(attrs.mtime_ns);
  attrs.ctime_ns = claims.ctime_ns.value_or(claims.changed_ns.value_or(attrs.ctime_ns));
  attrs.atime_ns = claims.atime_ns.value_or(attrs.atime_ns);
  attrs.kind = claims.kind.value_or(KindOf(*row, claims.is_directory));
  if (!claims.kind && attrs.kind != EntryKind::kOther) {
    attrs.mode = (attrs.mode & ~kTypeMask) | TypeOf(attrs.kind);
  }
  if (attrs.kind != EntryKind::kSymlink) row->target = {};
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() - kBlockBytes;
  const std::int64_t usual = attrs.size_bytes > kMost
                                 ? attrs.size_bytes
                                 : (attrs.size_bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  attrs.allocated_bytes = claims.allocated.value_or(usual);
  return row->target.size() <= 0xFFFF && row->target.find('\0') == std::string_view::npos;
}

}  // namespace

RowField RowFieldOf(std::string_view name) {
  using F = RowField;
  const auto is = [name](std::string_view text, F field) {
    return name == text ? field : F::kUnknown;
  };
  switch (name.size()) {
    case 3:
      return name == "uid" ? F::kUid : is("gid", F::kGid);
    case 4:
      return name == "path"   ? F::kPath
             : name == "size" ? F::kSize
             : name == "name" ? F::kName
             : name == "kind" ? F::kKind
                              : is("mode", F::kMode);
    case 5:
      return name == "inode" ? F::kInode : name == "moved" ? F::kMoved : is("nlink", F::kNlink);
    case 6:
      return name == "is_dir" ? F::kIsDirectory : is("device", F::kDevice);
    case 8:
      return is("old_path", F::kOldPath);
    case 9:
      return is("file_path", F::kPath);
    case 12:
      return name == "created_time"   ? F::kCreatedTime
             : name == "is_directory" ? F::kIsDirectory
             : name == "parent_mtime" ? F::kParentMtime
                                      : is("changed_time", F::kChangedTime);
    case 13:
      return name == "modified_time"   ? F::kModifiedTime
             : name == "audit_skipped" ? F::kAuditSkipped
                                       : is("accessed_time", F::kAccessedTime);
    case 14:
      return name == "allocated_size" ? F::kAllocatedSize : is("symlink_target", F::kSymlinkTarget);
    case 15:
      return name == "is_atomic_write" ? F::kIsAtomicWrite
                                       : is("changed_time_ns", F::kChangedTimeNs);
    case 16:
      return name == "modified_time_ns" ? F::kModifiedTimeNs
                                        : is("accessed_time_ns", F::kAccessedTimeNs);
    default:
      return F::kUnknown;
  }
}

bool ReadPushedRow(Tape::Node node, const std::vector<RowField>& fields, PushedRow* row) {
  Claims claims;
  bool valid = node.is_object() || (node.is_array() && !fields.empty());
  node.ForEachMember([&](std::string_view key, Tape::Node value) {
    valid = valid && ReadField(RowFieldOf(key), value, row, &claims);
  });
  std::size_t next = 0;
  node.ForEachItem([&](Tape::Node value) {
    if (next < fields.size()) valid = valid && ReadField(fields[next++], value, row, &claims);
  });
  return valid && Settle(claims, row);
}

std::int64_t NanosOf(double seconds) {
  constexpr double kMost = 1e18;
  if (!(seconds > -kMost)) return std::numeric_limits<std::int64_t>::min();
  if (seconds > kMost) return std::numeric_limits<std::int64_t>::max();
  const double whole = std::floor(seconds);
  // The difference is exact; it may round up to a whole second.
  const auto nanos = static_cast<std::int64_t>(std::llround((seconds - whole) * 1e9));
  const auto carry = nanos / 1'000'000'000;
  return WallTime::FromParts(static_cast<std::int64_t>(whole) + carry, nanos % 1'000'000'000).ns;
}

}  // namespace fustor::fusion
