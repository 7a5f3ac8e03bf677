// task.h: code that waits, written in order.
//
// Task<T> is a lazy coroutine: it starts when it is awaited (or spawned into a TaskGroup,
// task_group.h) and always resumes on the executor on which it was started. Whoever awaits a task
// owns it; destroying a Task destroys its frame. Exceptions may not leave a task.
//
// Parameters of a coroutine are values, or references to what the contract says outlives the task.
// A capturing lambda is never a coroutine. After every co_await the world may have changed.
#pragma once

#include <atomic>
#include <coroutine>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/result.h"
#include "env/executor.h"

namespace fustor::env {

template <class T = void>
class Task;

namespace internal {

struct PromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();
  Executor* executor = nullptr;

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
      return self.promise().continuation;
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() const { FUSTOR_CHECK(false, "an exception left a task"); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  void return_value(T v) { value.emplace(std::move(v)); }
  T Take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const {}
  void Take() const {}
};

}  // namespace internal

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  struct Awaiter {
    Handle handle;
    bool await_ready() const noexcept { return false; }
    template <class Parent>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Parent> parent) noexcept {
      handle.promise().continuation = parent;
      handle.promise().executor = parent.promise().executor;
      return handle;
    }
    T await_resume() { return handle.promise().Take(); }
  };
  Awaiter operator co_await() && { return Awaiter{handle_}; }

 private:
  Handle handle_;
};

namespace internal {
template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}
}  // namespace internal

// co_await ThisExecutor() gives the Executor& that the task runs on.
struct ThisExecutor {
  Executor* executor = nullptr;
  bool await_ready() const noexcept { return false; }
  template <class Parent>
  bool await_suspend(std::coroutine_handle<Parent> parent) noexcept {
    executor = parent.promise().executor;
    return false;
  }
  Executor& await_resume() const noexcept { return *executor; }
};

// A value that somebody delivers once and one task waits for. This is how adapters and timers wake
// tasks: the resolver may be called from any thread, the task resumes on its own executor.
template <class T>
class Completion {
 private:
  enum Phase : int { kEmpty, kWaiting, kDone };
  struct State {
    std::atomic<bool> claimed{false};
    std::atomic<int> phase{kEmpty};
    std::optional<T> value;
    std::coroutine_handle<> waiter;
    Executor* executor = nullptr;
  };

 public:
  // Copyable; the first call wins and returns true. Thread-safe. Safe after the waiter is gone.
  class Resolver {
   public:
    bool operator()(T value) const {
      if (state_->claimed.exchange(true)) return false;
      state_->value.emplace(std::move(value));
      if (state_->phase.exchange(kDone) == kWaiting) {
        state_->executor->Post([state = state_] {
          if (state->waiter) state->waiter.resume();
        });
      }
      return true;
    }

   private:
    friend class Completion;
    explicit Resolver(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };

  Completion() : state_(std::make_shared<State>()) {}
  Resolver resolver() const { return Resolver(state_); }

  class Awaiter {
   public:
    explicit Awaiter(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Awaiter(const Awaiter&) = delete;
    ~Awaiter() { state_->waiter = nullptr; }  // The frame was destroyed while waiting, or resumed.
    bool await_ready() const noexcept { return state_->phase.load() == kDone; }
    template <class Parent>
    bool await_suspend(std::coroutine_handle<Parent> parent) noexcept {
      state_->waiter = parent;
      state_->executor = parent.promise().executor;
      int expected = kEmpty;
      return state_->phase.compare_exchange_strong(expected, kWaiting);
    }
    T await_resume() { return std::move(*state_->value); }

   private:
    std::shared_ptr<State> state_;
  };
  // REQUIRES: called once.
  Awaiter Wait() const { return Awaiter(state_); }

 private:
  std::shared_ptr<State> state_;
};

// Waits until `when`. Errors: kCancelled when `stop` is requested first.
Task<Status> SleepUntil(Instant when, std::stop_token stop);
Task<Status> SleepFor(Nanos duration, std::stop_token stop);

namespace internal {
// A frame that owns itself: runs `task` and resolves with what it returns.
struct Detached {
  struct promise_type : PromiseBase {
    Detached get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const {}
  };
  std::coroutine_handle<promise_type> handle;
};
template <class T>
Detached RunAndResolve(Task<T> task, typename Completion<T>::Resolver resolve) {
  T value = co_await std::move(task);
  resolve(std::move(value));
}
}  // namespace internal

// Runs `task` on `other` and comes back. When `other` is the executor already in use the task
// simply runs. REQUIRES: `other` keeps running until the task has ended. T is not void.
template <class T>
Task<T> RunOn(Executor& other, Task<T> task) {
  Executor& here = co_await ThisExecutor();
  if (&here == &other) co_return co_await std::move(task);
  Completion<T> done;
  internal::Detached run = internal::RunAndResolve<T>(std::move(task), done.resolver());
  run.handle.promise().executor = &other;
  other.Post([handle = run.handle] { handle.resume(); });
  co_return co_await done.Wait();
}

}  // namespace fustor::env
