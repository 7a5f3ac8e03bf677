#include "adapters/posix/random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/check.h"

namespace fustor::posix {
namespace {

class KernelRandom final : public env::Random {
 public:
  void Fill(std::span<std::byte> out) override {
    while (!out.empty()) {
      const ssize_t n = getrandom(out.data(), out.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      // There is no safe way on without randomness, and no kernel of ours is without getrandom.
      FUSTOR_CHECK(n > 0, "getrandom failed");
      out = out.subspan(static_cast<std::size_t>(n));
    }
  }
};

}  // namespace

env::Random& SystemRandom() {
  static KernelRandom random;
  return random;
}

}  // namespace fustor::posix
