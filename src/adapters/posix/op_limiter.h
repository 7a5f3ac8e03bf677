// op_limiter.h: how many metadata operations a second the threads of a tree may do together.
//
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/time.h"

namespace fustor::posix {

class OpLimiter {
 public:
  // 0: no limit, and then Take costs nothing.
  explicit OpLimiter(std::uint64_t ops_per_second) : ops_per_second_(ops_per_second) {}

  // Blocks until `ops` more may be done. A tenth of a second's worth may be done at once after a
  // pause. Returns at once after Stop.
  void Take(std::uint64_t ops);
  void Stop();

 private:
  const std::uint64_t ops_per_second_;
  std::mutex mutex_;
  std::condition_variable stop_wakes_;
  bool stopped_ = false;
  std::int64_t spent_until_ns_ = 0;  // The instant up to which the allowance is spoken for.
};

}  // namespace fustor::posix
