// event_queue.h: events on their way from the reader thread to the one task that asks for them.
//
// Bounded. When it would overfull, everything that waits is dropped and one kOverflow takes its
// place; what comes after that is kept again. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "env/task.h"
#include "env/tree.h"

namespace fustor::posix {

class EventQueue {
 public:
  struct Limits {
    std::size_t events_max = 1'000'000;
    std::size_t bytes_max = std::size_t{256} << 20;
  };
  explicit EventQueue(Limits limits) : limits_(limits) {}

  // Takes the events out of `*events` and leaves it empty. An event that only repeats the one
  // before it is dropped; moves never are.
  void Push(std::vector<env::TreeEvent>* events);

  // As env::Tree::NextEvents. REQUIRES: one call at a time; the queue outlives the start of the
  // task, not its end.
  env::Task<std::vector<env::TreeEvent>> Next();
  void Stop();

  // kOverflow events so far, the kernel's own and ours.
  std::uint64_t overflows() const;

 private:
  void Append(env::TreeEvent event);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::vector<env::TreeEvent> events_;
  std::size_t bytes_ = 0;
  bool stopped_ = false;
  std::uint64_t overflows_ = 0;
  std::optional<env::Completion<std::vector<env::TreeEvent>>::Resolver> waiter_;
};

}  // namespace fustor::posix
