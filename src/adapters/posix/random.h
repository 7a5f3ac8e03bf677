// random.h: the kernel's random numbers. Thread-safe.
#pragma once

#include "env/random.h"

namespace fustor::posix {

// getrandom(2): blocks only in the first moments after boot. Lives for ever.
env::Random& SystemRandom();

}  // namespace fustor::posix
