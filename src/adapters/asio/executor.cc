#include "adapters/asio/executor.h"

#include <pthread.h>
#include <time.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace fustor::asio {
namespace {

std::int64_t Read(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

class RealClock final : public env::Clock {
 public:
  Instant Now() const override { return {Read(CLOCK_MONOTONIC)}; }
  WallTime WallNow() const override { return {Read(CLOCK_REALTIME)}; }
};

class Loop final : public ThreadExecutor {
 public:
  explicit Loop(std::string name)
      : context_(1), work_(context_.get_executor()), thread_([this, name = std::move(name)] {
          pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
          context_.run();
        }) {}
  ~Loop() override { Loop::Stop(); }

  void Stop() override {
    const std::scoped_lock lock(stop_mutex_);
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  void Post(env::Callback work) override { boost::asio::post(context_, std::move(work)); }

  TimerId PostAt(Instant when, env::Callback work) override {
    auto timer = std::make_shared<Timer>(context_);
    timer->timer.expires_at(
        std::chrono::steady_clock::time_point(std::chrono::nanoseconds(when.ns)));
    timer->work = std::move(work);
    TimerId id = 0;
    {
      const std::scoped_lock lock(mutex_);
      id = ++last_timer_;
      timers_.emplace(id, timer);
    }
    // Waiting starts on the loop's thread: a steady_timer is not thread-safe by itself.
    boost::asio::post(context_, [this, id, timer] {
      timer->timer.async_wait([this, id, timer](const boost::system::error_code& error) {
        if (error || !Take(id)) return;
        timer->work();
      });
    });
    return id;
  }

  bool CancelTimer(TimerId id) override {
    const std::shared_ptr<Timer> timer = Take(id);
    if (timer == nullptr) return false;
    boost::asio::post(context_, [timer] { timer->timer.cancel(); });
    return true;
  }

  bool RunningHere() const override { return std::this_thread::get_id() == thread_.get_id(); }
  const env::Clock& clock() const override { return SystemClock(); }
  boost::asio::io_context& context() override { return context_; }

 private:
  struct Timer {
    explicit Timer(boost::asio::io_context& context) : timer(context) {}
    boost::asio::steady_timer timer;
    env::Callback work;
  };

  // Whoever takes a timer out decides its fate; nullptr when somebody else has.
  std::shared_ptr<Timer> Take(TimerId id) {
    const std::scoped_lock lock(mutex_);
    const auto it = timers_.find(id);
    if (it == timers_.end()) return nullptr;
    std::shared_ptr<Timer> timer = std::move(it->second);
    timers_.erase(it);
    return timer;
  }

  std::mutex mutex_;
  TimerId last_timer_ = 0;
  std::mutex stop_mutex_;
  boost::asio::io_context context_;
  // After the context: timers must be destroyed first.
  std::unordered_map<TimerId, std::shared_ptr<Timer>> timers_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace

const env::Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

std::unique_ptr<ThreadExecutor> StartThread(std::string name) {
  return std::make_unique<Loop>(std::move(name));
}

namespace internal {
void WaitTurn(env::Executor& executor, env::TaskGroup& group) {
  for (;;) {
    std::promise<bool> empty;
    std::future<bool> answer = empty.get_future();
    executor.Post([&] { empty.set_value(group.running() == 0); });
    if (answer.get()) return;
  }
}
}  // namespace internal

}  // namespace fustor::asio
