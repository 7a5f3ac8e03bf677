// toy_work_testing.h: does for an observer what the threads of a host do for it, over a toy tree:
// lists and stats at one moment, answers later and in any order, after other things have happened.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "svc/agent/core/observer.h"
#include "svc/agent/core/toy_tree_testing.h"

namespace fustor::agent {

class ToyWork {
 public:
  // All must outlive this.
  ToyWork(Prng& prng, ToyFs& fs, Observer& observer) : prng_(prng), fs_(fs), observer_(observer) {}

  bool empty() const {
    return lists_.empty() && stats_.empty() && listed_.empty() && statted_.empty();
  }
  std::uint64_t listed() const { return listed_count_; }

  // Takes what the observer asks for.
  void Ask(Instant now) {
    for (env::ListRequest& r : observer_.TakeLists()) lists_.push_back(std::move(r));
    for (env::StatRequest& r : observer_.TakeStats(now)) stats_.push_back(std::move(r));
    fs_.Unwatch(observer_.TakeUnwatched());
  }
  // One of these steps: nothing, one is looked at, one answer arrives, or both.
  void StepList(Instant now) {
    if (!lists_.empty() && (listed_.empty() || prng_.Chance(1, 2))) {
      listed_.push_back(fs_.List(TakeAny(&lists_)));
      ++listed_count_;
    }
    if (!listed_.empty() && prng_.Chance(1, 2)) {
      std::vector<env::ListedDir> answer;
      answer.push_back(TakeAny(&listed_));
      observer_.OnListed(std::move(answer), now);
    }
  }
  void StepStat(Instant now) {
    if (!stats_.empty() && (statted_.empty() || prng_.Chance(1, 2))) {
      statted_.push_back(fs_.Stat(TakeAny(&stats_)));
    }
    if (!statted_.empty() && prng_.Chance(1, 2)) {
      std::vector<env::StattedEntry> answer;
      answer.push_back(TakeAny(&statted_));
      observer_.OnStatted(std::move(answer), now);
    }
  }

 private:
  // Several threads do the work.
  template <typename T>
  T TakeAny(std::deque<T>* queue) {
    const auto it = queue->begin() + static_cast<std::ptrdiff_t>(prng_.Below(queue->size()));
    T taken = std::move(*it);
    queue->erase(it);
    return taken;
  }

  Prng& prng_;
  ToyFs& fs_;
  Observer& observer_;
  std::deque<env::ListRequest> lists_;
  std::deque<env::ListedDir> listed_;
  std::deque<env::StatRequest> stats_;
  std::deque<env::StattedEntry> statted_;
  std::uint64_t listed_count_ = 0;
};

// A directory that may be anywhere, or nowhere: up to three levels of the names that ToyFs gives.
inline std::string AnyToyPath(Prng* prng) {
  std::string path;
  for (std::uint64_t depth = prng->Below(4); depth > 0; --depth) {
    path += {'/', static_cast<char>('a' + prng->Below(5))};
  }
  return path;
}

}  // namespace fustor::agent
