#include "adapters/posix/workers.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace fustor::posix {
namespace {

constexpr int kBackgroundNice = 10;

}  // namespace

Workers::Workers(unsigned threads, MakeLister make_lister)
    : threads_(threads), make_lister_(std::move(make_lister)) {
  Start(normal_, Priority::kNormal);
}

void Workers::Stop() {
  const std::scoped_lock lock(mutex_);
  stopping_ = true;
}

Workers::~Workers() {
  Stop();
  End(normal_);
  End(background_);
}

void Workers::Start(Crew& crew, Priority priority) {
  for (unsigned i = 0; i < threads_; ++i) {
    crew.threads.emplace_back([this, &crew, priority] {
      const bool background = priority == Priority::kBackground;
      // Of this thread alone: on Linux priorities are the threads' own. Lowering is always allowed.
      if (background) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kBackgroundNice);
      pthread_setname_np(pthread_self(), background ? "tree-audit" : "tree-list");
      const std::unique_ptr<Lister> lister = make_lister_();
      Loop(crew, *lister);
    });
  }
}

void Workers::End(Crew& crew) {
  crew.work.notify_all();
  for (std::thread& thread : crew.threads) thread.join();
  for (const std::shared_ptr<Job>& job : crew.jobs) {
    while (job->next_ < job->parts_) {
      job->Drop(job->next_++);
      Finished(*job);
    }
  }
}

void Workers::Submit(std::shared_ptr<Job> job, Priority priority) {
  Crew& crew = priority == Priority::kBackground ? background_ : normal_;
  if (crew.threads.empty()) Start(crew, priority);
  std::size_t wake = 0;
  {
    const std::scoped_lock lock(mutex_);
    wake = std::min(job->parts_, crew.idle);
    crew.jobs.push_back(std::move(job));
  }
  for (; wake > 0; --wake) crew.work.notify_one();
}

void Workers::Loop(Crew& crew, Lister& lister) {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++crew.idle;
    crew.work.wait(lock, [this, &crew] { return stopping_ || !crew.jobs.empty(); });
    --crew.idle;
    if (stopping_) return;
    std::shared_ptr<Job> job = std::move(crew.jobs.front());
    crew.jobs.pop_front();
    const std::size_t part = job->next_++;
    if (job->next_ < job->parts_) crew.jobs.push_back(job);
    lock.unlock();
    job->Run(part, lister);
    Finished(*job);
    job.reset();
    lock.lock();
  }
}

void Workers::Finished(Job& job) {
  if (job.left_.fetch_sub(1, std::memory_order_acq_rel) == 1) job.Done();
}

}  // namespace fustor::posix
