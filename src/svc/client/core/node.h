// node.h: an entry as Fusion answers it. Plain data, pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/entry.h"

namespace fustor::client {

// Sums of a directory and everything below it, itself included.
struct Totals {
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;
  std::uint64_t allocated_bytes = 0;
  std::int64_t latest_mtime_ns = 0;
};

struct Node {
  std::string path;  // In its view, bytes.
  EntryAttrs attrs;
  std::string target;  // Of a symlink.
  bool suspect = false;
  bool uncertain = false;
  bool audit_skipped = false;
  bool audit_only = false;
  std::optional<std::int64_t> listed_ns;  // When the files of a directory were last looked at.
  bool agent_missing = false;
  std::string agent_id;
  std::string source_uri;
  std::optional<Totals> totals;  // Of a directory, when asked for.

  std::string_view name() const { return std::string_view(path).substr(path.rfind('/') + 1); }
};

}  // namespace fustor::client
