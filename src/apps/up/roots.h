// roots.h: which view shows which directory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fustor::up {

struct Root {
  std::string view;       // "projects"; made of the directory's last name.
  std::string directory;  // Absolute, without symlinks.
};

// The id that a view of `directory` would like to have: letters, digits, '.', '_' and '-'.
std::string ViewId(std::string_view directory);

// Resolves what the user gave (nothing: the current directory) and gives every directory a view of
// its own. Errors: kNotFound, kFailedPrecondition (not a directory), kPermissionDenied,
// kInvalidArgument (one lies inside another, or was given twice). The message says which.
Result<std::vector<Root>> ResolveRoots(const std::vector<std::string>& given);

}  // namespace fustor::up
