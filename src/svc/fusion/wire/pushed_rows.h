// pushed_rows.h: one row of an event that an agent posts as JSON. Private to svc/fusion/wire.
//
// Pure. Rows are objects, or lists whose values the event's `fields` name in order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/entry.h"
#include "lib/json/tape.h"

namespace fustor::fusion {

enum class RowField : std::uint8_t {
  kUnknown,
  kPath,
  kName,
  kKind,
  kOldPath,
  kMoved,
  kSize,
  kModifiedTime,
  kModifiedTimeNs,
  kCreatedTime,
  kChangedTime,
  kChangedTimeNs,
  kAccessedTime,
  kAccessedTimeNs,
  kIsDirectory,
  kIsAtomicWrite,
  kParentMtime,
  kAuditSkipped,
  kMode,
  kUid,
  kGid,
  kNlink,
  kInode,
  kDevice,
  kAllocatedSize,
  kSymlinkTarget,
};
RowField RowFieldOf(std::string_view name);

// The values are checked, but for the paths. Views are into the tape.
struct PushedRow {
  std::string_view path;
  std::string_view name;  // In a listing.
  std::string_view old_path;
  std::uint32_t moved = 0;  // batch::Change::Moved.
  std::string_view target;
  EntryAttrs attrs;
  std::int64_t parent_mtime_ns = 0;
  bool atomic = true;
  bool silent = false;
};

// False: it makes no sense (a value of a wrong type or out of its range).
bool ReadPushedRow(json::Tape::Node node, const std::vector<RowField>& fields, PushedRow* row);

// Seconds since 1970 as nanoseconds: the nearest to what the double says; clamped to their range.
std::int64_t NanosOf(double seconds);

}  // namespace fustor::fusion
