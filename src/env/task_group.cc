#include "env/task_group.h"

namespace fustor::env {

TaskGroup::~TaskGroup() {
  FUSTOR_CHECK(roots_.empty(), "a task group was destroyed while tasks were running");
  *alive_ = false;
}

TaskGroup::Root TaskGroup::Run(Task<void> task) { co_await std::move(task); }

void TaskGroup::Spawn(Task<void> task) {
  Root root = Run(std::move(task));
  auto& promise = root.handle.promise();
  promise.executor = &executor_;
  promise.group = this;
  promise.place = roots_.insert(roots_.end(), root.handle);
  // The start must not touch a frame that Abandon has destroyed in between.
  executor_.Post([this, alive = alive_, handle = root.handle] {
    if (!*alive) return;
    for (const auto& known : roots_) {
      if (known == handle) {
        handle.resume();
        return;
      }
    }
  });
}

void TaskGroup::Ended(std::coroutine_handle<Root::promise_type> root) {
  roots_.erase(root.promise().place);
  root.destroy();
  if (roots_.empty() && joiner_) {
    (*joiner_)(true);
    joiner_.reset();
  }
}

Task<void> TaskGroup::Join() {
  while (!roots_.empty()) {
    FUSTOR_CHECK(!joiner_);
    Completion<bool> done;
    joiner_ = done.resolver();
    co_await done.Wait();
  }
}

void TaskGroup::Abandon() {
  stop_.request_stop();
  while (!roots_.empty()) {
    auto root = roots_.front();
    roots_.pop_front();
    root.destroy();
  }
}

}  // namespace fustor::env
