// child.h: a program that is started and left to itself.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace fustor::posix {

// Not thread-safe. A program that still runs when the object goes runs on.
class Child {
 public:
  // Starts `arguments[0]`, a path, in a session of its own, with our environment, output and error
  // output, no input, and no signal blocked or ignored. REQUIRES: arguments is not empty.
  // Errors: what keeps it from being started (no such file, not executable, too many processes).
  static Result<Child> Start(const std::vector<std::string>& arguments);

  // Once it has ended: its exit status, or 128 and the signal that ended it. Does not wait.
  std::optional<int> Ended();

 private:
  explicit Child(pid_t pid) : pid_(pid) {}

  pid_t pid_;
  std::optional<int> ended_;
};

}  // namespace fustor::posix
