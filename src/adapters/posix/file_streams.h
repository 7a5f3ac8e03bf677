// file_streams.h: env::FileStreams on the real file system. Blocking. Thread-safe.
#pragma once

#include <memory>

#include "env/file_streams.h"

namespace fustor::posix {

// Names of temporary files are those of OpenFiles(): a crash leaves at most one behind, which List
// does not show and the next Create of the same folder removes. What is written is given to the
// disk while it grows, so that the last sync has little left to do, and is not kept in the page
// cache.
std::unique_ptr<env::FileStreams> OpenFileStreams();

// The calling thread takes what others leave of the processors, and of the disk where the scheduler
// of its queue knows priorities.
void RunInBackground();

}  // namespace fustor::posix
