// task_group.h: who owns the tasks that nobody awaits.
//
// Every background task lives in a TaskGroup. RequestStop() asks all of them to end through the
// stop token that they were given; Join() waits until they have. The destructor checks that none is
// left.
#pragma once

#include <list>
#include <memory>
#include <stop_token>

#include "env/task.h"

namespace fustor::env {

// One executor; every call but stop_token() and RequestStop() must be made there.
class TaskGroup {
 public:
  explicit TaskGroup(Executor& executor) : executor_(executor) {}
  TaskGroup(const TaskGroup&) = delete;
  ~TaskGroup();

  // Starts the task in a later turn of the executor. After RequestStop the task still starts, and
  // sees the stop at its first wait.
  void Spawn(Task<void> task);

  std::stop_token stop_token() const { return stop_.get_token(); }
  // Thread-safe.
  void RequestStop() { stop_.request_stop(); }
  std::size_t running() const { return roots_.size(); }

  // Returns when no task runs any more. REQUIRES: one caller at a time; not a task of the group.
  Task<void> Join();

  // Destroys the frames of all tasks where they stand, as a power cut would, and with them the
  // tasks of groups that live in those frames. For the simulator, where everything runs on one
  // thread.
  void Abandon();

 private:
  struct Root {
    struct promise_type : internal::PromiseBase {
      TaskGroup* group = nullptr;
      std::list<std::coroutine_handle<promise_type>>::iterator place;

      Root get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      struct Final {
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
          self.promise().group->Ended(self);
        }
        void await_resume() const noexcept {}
      };
      Final final_suspend() const noexcept { return {}; }
      void return_void() const {}
    };
    std::coroutine_handle<promise_type> handle;
  };

  static Root Run(Task<void> task);
  void Ended(std::coroutine_handle<Root::promise_type> root);

  Executor& executor_;
  std::stop_source stop_;
  std::list<std::coroutine_handle<Root::promise_type>> roots_;
  std::optional<Completion<bool>::Resolver> joiner_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fustor::env
