#include "adapters/posix/op_limiter.h"

#include <algorithm>
#include <chrono>

namespace fustor::posix {

void OpLimiter::Take(std::uint64_t ops) {
  if (ops_per_second_ == 0) return;
  constexpr std::int64_t kBurstNs = 100'000'000;
  const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  std::unique_lock lock(mutex_);
  // Booked before waiting: threads that come later queue up behind.
  spent_until_ns_ = std::max(spent_until_ns_, now - kBurstNs) +
                    static_cast<std::int64_t>(ops * 1'000'000'000 / ops_per_second_);
  const std::chrono::steady_clock::time_point when{std::chrono::nanoseconds(spent_until_ns_)};
  stop_wakes_.wait_until(lock, when, [this] { return stopped_; });
}

void OpLimiter::Stop() {
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  stop_wakes_.notify_all();
}

}  // namespace fustor::posix
