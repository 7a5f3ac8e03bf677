// observer_rules.h: what the parts of the observer agree upon.
//
// Pure. Private to observer*.cc.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/result.h"

namespace fustor::agent {

// The name that an NFS client gives to a file that was deleted while open: noise.
inline bool IsSillyRename(std::string_view name) {
  if (!name.starts_with(".nfs") || name.size() < 12) return false;
  return std::all_of(name.begin() + 4, name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

// The directory (or entry) is not, or not any more, what it was taken for.
inline bool IsGone(Code code) {
  return code == Code::kNotFound || code == Code::kAborted || code == Code::kFailedPrecondition;
}

}  // namespace fustor::agent
