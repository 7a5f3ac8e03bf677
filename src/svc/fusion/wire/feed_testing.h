// feed_testing.h: a view whose changes a test makes, step by step.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "svc/fusion/wire/fakes_testing.h"

namespace fustor::fusion {

// Records from the beginning; ends when there is nothing more and no step is left.
class FeedView : public FakeView {
 public:
  explicit FeedView(std::string id) : FakeView(std::move(id)) {
    feed_.Begin(tree_.revision());
    tree_.Observe(&feed_);
  }

  env::Task<Result<std::unique_ptr<ChangeReader>>> Follow(
      std::optional<FeedPosition> since) override {
    since_ = since;
    if (!refusal_.ok()) co_return refusal_;
    const tree::Revision at = since ? since->revision : tree_.revision();
    co_return std::unique_ptr<ChangeReader>(std::make_unique<Reader>(*this, at));
  }
  void Publish() { feed_.Publish(tree_.Publish(), {1'700'000'000'500'000'000}); }
  // What happens the next time that a reader has seen everything.
  void Then(std::function<void()> step) { steps_.push_back(std::move(step)); }

  class Reader : public ChangeReader {
   public:
    Reader(FeedView& view, tree::Revision at) : view_(view), at_(at) {}
    env::Task<FeedNews> Next(Instant deadline, std::stop_token) override {
      FeedNews news;
      Feed::Page page = view_.feed_.Read(at_, view_.page_bytes_);
      if (page.lost != Feed::Lost::kNo) {
        news.kind = FeedNews::Kind::kReset;
        news.reason = "too \"old\"";
      } else if (!page.revisions.empty()) {
        news.kind = FeedNews::Kind::kChanges;
        news.revisions = std::move(page.revisions);
      } else if (!view_.began_) {
        news.kind = FeedNews::Kind::kQuiet;
      } else if (view_.steps_.empty()) {
        news.kind = FeedNews::Kind::kEnded;
        news.reason = "the view has ended";
      } else {
        view_.steps_.front()();
        view_.steps_.pop_front();
      }
      view_.began_ = true;
      view_.deadlines_.push_back(deadline);
      at_ = page.upto;
      news.position = {at_, 0xab};
      co_return news;
    }

   private:
    FeedView& view_;
    tree::Revision at_;
  };

  Feed feed_{Feed::Options{.rows_max = 1000, .bytes_max = 1 << 20}};
  std::size_t page_bytes_ = 1 << 20;
  std::optional<FeedPosition> since_;
  Status refusal_;
  bool began_ = false;
  std::deque<std::function<void()>> steps_;
  std::vector<Instant> deadlines_;
};

}  // namespace fustor::fusion
