// arbiter_types.h: the words that the arbiter and its parts share.
//
// Plain data.
#pragma once

#include <cstdint>
#include <string>

#include "base/id.h"
#include "base/time.h"

namespace fustor::fusion {

struct Now {
  Instant monotonic;
  WallTime wall;
};

// Which session a batch came through; unique for the life of the process. 0 is none.
using SessionKey = Id<struct SessionKeyTag>;

// A subtree whose agent lost events: not to be trusted until a scan that began later has ended.
struct Uncertain {
  std::string path;
  WallTime since;
  SessionKey session;  // 0: it has ended; a scan of any session will do.
};

}  // namespace fustor::fusion
