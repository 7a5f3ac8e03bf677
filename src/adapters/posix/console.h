// console.h: what a program on the command line needs from the system: output, paths, patience.
//
// Blocking. Thread-safe, but for IgnoreBrokenPipes.
#pragma once

#include <string>
#include <string_view>

#include "base/entry.h"
#include "base/result.h"
#include "base/time.h"

namespace fustor::posix {

// From now on writing where nobody reads fails instead of ending the process.
void IgnoreBrokenPipes();

// All of it, also into a pipe that does not block.
// Errors: kCancelled (nobody reads any more), else as ErrnoStatus.
Status WriteFully(int fd, std::string_view bytes);

// False when `fd` is a pipe or a socket whose other end is closed: writing would fail.
bool HasReader(int fd);

// As realpath(3). Errors: kNotFound, kFailedPrecondition (a part of it is no directory, or links go
// round in circles), kPermissionDenied, kUnavailable.
Result<std::string> RealPath(const std::string& path);

// As lstat(2). Errors: as RealPath.
Result<EntryAttrs> AttrsOf(const std::string& path);

// Absolute and without links; "/" when it has none any more.
std::string WorkingDirectory();

// Returns after about this long.
void Pause(Nanos time);

}  // namespace fustor::posix
