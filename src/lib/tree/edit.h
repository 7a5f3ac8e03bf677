// edit.h: what an edit of a tree has done, for whoever keeps a record of it.
//
// Told on the writer's thread while the edit is made, before it takes effect. Applying the edits in
// their order to a copy of the tree gives the tree again (property test). What one edit removes
// below a directory is not told by itself, and what moves with it neither.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/entry.h"

namespace fustor::tree {

// Views and pointers are valid during the call.
struct Edit {
  enum class Kind : std::uint8_t {
    kCreated,
    // The entry keeps its place and, if it is a directory, what is below it. An entry that becomes
    // a directory, or was one, is removed and created instead.
    kUpdated,
    kRemoved,  // With everything below it.
    kMoved,    // With everything below it. What was at `path` was removed before.
  };
  Kind kind = Kind::kCreated;
  std::string_view path;
  std::string_view old_path;          // kMoved
  const EntryAttrs* attrs = nullptr;  // As they are now; kRemoved: as they were.
  std::string_view target;
  std::uint8_t flags = 0;
  std::uint16_t reporter = 0;
  // kUpdated: as it was before. That none of these differs is possible: confirmed_ns did.
  const EntryAttrs* attrs_before = nullptr;
  std::uint8_t flags_before = 0;
  bool target_changed = false;
};

class EditObserver {
 public:
  virtual ~EditObserver() = default;
  // Must not touch the tree.
  virtual void OnEdit(const Edit& edit) = 0;
  // Everything but the root is removed.
  virtual void OnClear() = 0;
};

}  // namespace fustor::tree
