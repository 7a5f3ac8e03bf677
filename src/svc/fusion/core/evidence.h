// evidence.h: which of two looks at an entry is the younger one.
//
// Pure functions over attributes. Modification times can be set by anybody to anything (cp -p,
// tar, touch -d); change times cannot, so they decide where both are known (not 0).
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>

#include "base/entry.h"

namespace fustor::fusion {

// a - b without overflow.
inline std::int64_t SaturatingSub(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (!__builtin_sub_overflow(a, b, &result)) return result;
  return b > 0 ? INT64_MIN : INT64_MAX;
}

// The latest moment at which the file system itself touched the entry, in file time.
inline std::int64_t EvidenceTime(const EntryAttrs& attrs) {
  return attrs.ctime_ns == 0 ? attrs.mtime_ns : std::max(attrs.mtime_ns, attrs.ctime_ns);
}

// When the file system last touched the entry: what nobody can set, where it is known.
inline std::int64_t ChangeTime(const EntryAttrs& attrs) {
  return attrs.ctime_ns == 0 ? attrs.mtime_ns : attrs.ctime_ns;
}

// Age of `row` against `have`: greater means that the row is the younger look.
inline std::strong_ordering CompareAge(const EntryAttrs& row, const EntryAttrs& have) {
  if (row.ctime_ns != 0 && have.ctime_ns != 0 && row.ctime_ns != have.ctime_ns) {
    return row.ctime_ns <=> have.ctime_ns;
  }
  return row.mtime_ns <=> have.mtime_ns;
}

// Both inodes are known and differ: another object has taken the name.
inline bool IsAnotherObject(const EntryAttrs& row, const EntryAttrs& have) {
  return row.inode != 0 && have.inode != 0 && row.inode != have.inode;
}

// Something that a writer of the contents changes.
inline bool ContentDiffers(const EntryAttrs& a, const EntryAttrs& b) {
  return a.kind != b.kind || a.mtime_ns != b.mtime_ns || a.size_bytes != b.size_bytes;
}

}  // namespace fustor::fusion
