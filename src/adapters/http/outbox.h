// outbox.h: what goes out on a connection: small pieces are collected, large ones go straight out.
//
// Memory is bounded: Append is meant for what is small, and whoever sends more waits in Flush while
// the peer reads slowly. Lives on the loop of its wire; thread safety: none.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/http/wire.h"
#include "base/time.h"
#include "env/executor.h"
#include "env/task.h"
#include "env/task_group.h"

namespace fustor::http {

// When a wait must end. Whoever owns the connection looks at it from time to time.
struct Watch {
  Instant deadline = Instant::Max();
  bool expired = false;

  void Arm(Instant when) {
    deadline = when;
    expired = false;
  }
  void Disarm() { deadline = Instant::Max(); }
};

struct WriteLimits {
  Nanos stall = Seconds(30);                 // Longest time without any progress.
  std::uint64_t bytes_per_second_min = 256;  // Slower peers are cut, in the long run.
};

class Outbox : public std::enable_shared_from_this<Outbox> {
 public:
  // `group` holds the flushes that nobody waits for. All must outlive this.
  Outbox(std::shared_ptr<Wire> wire, env::Executor& executor, env::TaskGroup& group,
         WriteLimits limits);

  // Goes out with the next flush.
  std::string& buffer() { return buffer_; }
  bool empty() const { return buffer_.empty() && !writing_; }

  // Sends what was appended, then `piece` and `tail`. True when all went without waiting; else
  // nothing of them was sent and Flush must be awaited.
  bool TryFlush(std::string_view piece = {}, std::string_view tail = {});
  // The same, waiting. REQUIRES: the views live until then. Errors: kUnavailable (the peer is gone
  // or too slow); so does every later call.
  env::Task<Status> Flush(std::string_view piece = {}, std::string_view tail = {});
  // Flushes in a later turn of the loop, when the task that is running now waits for something.
  void FlushLater();

  // The peer is gone or was too slow.
  bool broken() const { return broken_; }
  Watch& watch() { return watch_; }
  static Status Broken() { return Status(Code::kUnavailable, "the client is gone"); }

 private:
  env::Task<Status> WriteAll(Pieces pieces);
  static env::Task<void> FlushInBackground(std::shared_ptr<Outbox> self);

  std::shared_ptr<Wire> wire_;
  env::Executor& executor_;
  env::TaskGroup& group_;
  const WriteLimits limits_;
  Watch watch_;
  std::string buffer_;
  std::string sending_;                 // Taken from buffer_; must not move while it is being sent.
  std::size_t without_wait_bytes_ = 0;  // Sent since the loop had a turn.
  bool writing_ = false;
  bool flush_later_ = false;
  bool broken_ = false;
  std::optional<env::Completion<bool>::Resolver> waiter_;  // For writing_ to end.
};

}  // namespace fustor::http
