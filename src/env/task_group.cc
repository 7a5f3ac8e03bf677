#include "env/task_group.h"

namespace fustor::env {
namespace {

// Groups that live in the frames which Abandon destroys go the same way. Abandon is for one thread.
thread_local int abandoning = 0;

}  // namespace

TaskGroup::~TaskGroup() {
  if (abandoning != 0) Abandon();
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
  // The start must not touch a frame that Abandon has destroyed in between; nothing else can end a
  // task that has not started.
  executor_.Post([alive = alive_, handle = root.handle] {
    if (*alive) handle.resume();
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
  *alive_ = false;
  alive_ = std::make_shared<bool>(true);
  while (!roots_.empty()) {
    auto root = roots_.front();
    roots_.pop_front();
    ++abandoning;
    root.destroy();
    --abandoning;
  }
}

}  // namespace fustor::env
