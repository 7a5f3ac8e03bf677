// published.h: a value that one owner replaces and anybody reads.
//
// What is published never changes; a reader keeps its copy alive for as long as it looks at it.
// Thread-safe; neither side ever waits for more than the copy of a pointer.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace fustor::env {

template <class T>
class Published {
 public:
  explicit Published(std::shared_ptr<const T> value) : value_(std::move(value)) {}

  std::shared_ptr<const T> Get() const {
    const std::scoped_lock lock(mutex_);
    return value_;
  }
  void Set(std::shared_ptr<const T> value) {
    {
      const std::scoped_lock lock(mutex_);
      value_.swap(value);
    }
    // The old value is destroyed outside of the lock.
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

}  // namespace fustor::env
