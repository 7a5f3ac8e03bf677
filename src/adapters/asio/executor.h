// executor.h: threads as env::Executors, on Boost.Asio.
//
// Each ThreadExecutor is one thread with one event loop. Thread-safe.
#pragma once

#include <future>
#include <memory>
#include <string>

#include "env/clock.h"
#include "env/executor.h"
#include "env/task.h"
#include "env/task_group.h"

// The one foreign name here: adapters/http puts its sockets on the same loop.
namespace boost::asio {
class io_context;
}

namespace fustor::asio {

// CLOCK_MONOTONIC and CLOCK_REALTIME. Lives for ever.
const env::Clock& SystemClock();

class ThreadExecutor : public env::Executor {
 public:
  // Ends the thread as Stop does.
  ~ThreadExecutor() override = default;
  // Lets the piece of work that is running end, drops the rest, joins the thread. Idempotent.
  // REQUIRES: not called on this executor.
  virtual void Stop() = 0;
  virtual boost::asio::io_context& context() = 0;
};

namespace internal {
template <class T>
env::Task<void> Fulfil(env::Task<T> task, std::promise<T>* promise) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(task);
    promise->set_value();
  } else {
    T value = co_await std::move(task);
    promise->set_value(std::move(value));
  }
}
// Returns when `group`, which lives on `executor`, is empty.
void WaitTurn(env::Executor& executor, env::TaskGroup& group);
}  // namespace internal

// `name` is what top(1) and gdb show; its first 15 bytes count.
std::unique_ptr<ThreadExecutor> StartThread(std::string name);

// Runs `task` on `executor` and blocks the calling thread until it has ended. For mains and tests.
// REQUIRES: not called on `executor`.
template <class T>
T BlockOn(env::Executor& executor, env::Task<T> task) {
  std::promise<T> promise;
  std::future<T> future = promise.get_future();
  env::TaskGroup group(executor);
  executor.Post([&] { group.Spawn(internal::Fulfil(std::move(task), &promise)); });
  if constexpr (std::is_void_v<T>) {
    future.get();
    internal::WaitTurn(executor, group);
  } else {
    T value = future.get();
    internal::WaitTurn(executor, group);
    return value;
  }
}

}  // namespace fustor::asio
