#include "adapters/posix/workers.h"

#include <pthread.h>

#include <algorithm>

namespace fustor::posix {

Workers::Workers(unsigned threads, MakeLister make_lister) : make_lister_(std::move(make_lister)) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "tree-list");
      const std::unique_ptr<Lister> lister = make_lister_();
      Loop(*lister);
    });
  }
}

Workers::~Workers() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  for (const std::shared_ptr<Job>& job : jobs_) {
    while (job->next_ < job->parts_) {
      job->Drop(job->next_++);
      Finished(*job);
    }
  }
}

void Workers::Submit(std::shared_ptr<Job> job) {
  std::size_t wake = 0;
  {
    const std::scoped_lock lock(mutex_);
    wake = std::min(job->parts_, idle_);
    jobs_.push_back(std::move(job));
  }
  for (; wake > 0; --wake) work_.notify_one();
}

void Workers::Loop(Lister& lister) {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    work_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    --idle_;
    if (stopping_) return;
    std::shared_ptr<Job> job = std::move(jobs_.front());
    jobs_.pop_front();
    const std::size_t part = job->next_++;
    if (job->next_ < job->parts_) jobs_.push_back(job);
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
