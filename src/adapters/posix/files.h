// files.h: env::Files on the real file system. Blocking. Thread-safe.
#pragma once

#include <memory>

#include "env/files.h"

namespace fustor::posix {

// What WriteAtomically and MakeDirectories have answered for survives a power cut: file, rename
// and directory are synced. A crash in between leaves at most a file ".<name>.tmp-<number>" behind,
// which List does not show and the next write of the same name removes.
std::unique_ptr<env::Files> OpenFiles();

}  // namespace fustor::posix
