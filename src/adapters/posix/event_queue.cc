#include "adapters/posix/event_queue.h"

namespace fustor::posix {

using env::TreeEvent;
using Events = std::vector<TreeEvent>;
using Kind = TreeEvent::Kind;

namespace {

std::size_t BytesOf(const TreeEvent& event) {
  return sizeof(TreeEvent) + event.name.size() + event.to_name.size();
}

bool Repeats(const TreeEvent& a, const TreeEvent& b) {
  return a.kind == b.kind && a.kind != Kind::kMoved && a.cookie == 0 && b.cookie == 0 &&
         a.is_directory == b.is_directory && a.dir == b.dir && a.name == b.name;
}

}  // namespace

void EventQueue::Append(TreeEvent event) {
  if (event.kind == Kind::kOverflow) ++overflows_;
  if (!events_.empty() && Repeats(events_.back(), event)) return;
  const std::size_t bytes = BytesOf(event);
  if (events_.size() >= limits_.events_max || bytes_ + bytes > limits_.bytes_max) {
    // The memory goes back too: it was the most that we may hold.
    Events().swap(events_);
    ++overflows_;
    events_.emplace_back().kind = Kind::kOverflow;
    bytes_ = BytesOf(events_.back());
  }
  bytes_ += bytes;
  events_.push_back(std::move(event));
}

void EventQueue::Push(Events* events) {
  const std::scoped_lock lock(mutex_);
  if (!stopped_) {
    for (TreeEvent& event : *events) Append(std::move(event));
  }
  events->clear();
  if (!waiter_ || events_.empty()) return;
  (*waiter_)(std::exchange(events_, {}));
  waiter_.reset();
  bytes_ = 0;
}

env::Task<Events> EventQueue::Next() {
  env::Completion<Events> arrived;
  {
    const std::scoped_lock lock(mutex_);
    if (stopped_) co_return Events();
    if (!events_.empty()) {
      bytes_ = 0;
      co_return std::exchange(events_, {});
    }
    waiter_ = arrived.resolver();
  }
  co_return co_await arrived.Wait();
}

void EventQueue::Stop() {
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  events_.clear();
  if (waiter_) (*waiter_)(Events());
  waiter_.reset();
}

std::uint64_t EventQueue::overflows() const {
  const std::scoped_lock lock(mutex_);
  return overflows_;
}

}  // namespace fustor::posix
