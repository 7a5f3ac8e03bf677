// The shard's part in the change feed.
#include <algorithm>

#include "env/signal.h"
#include "svc/fusion/flow/shard.h"

namespace fustor::fusion {
namespace {

// Changes handed to a reader at a time.
constexpr std::size_t kPageBytes = 1 << 20;

std::string_view Sentence(Feed::Lost lost, bool followed) {
  switch (lost) {
    case Feed::Lost::kNotRecorded:
      return "changes since then were not recorded: nobody was listening";
    case Feed::Lost::kFull:
      return followed ? "this reader was too slow: more has changed than is kept"
                      : "more has changed since then than is kept";
    case Feed::Lost::kCleared:
      return "the view was emptied";
    case Feed::Lost::kUnknown:
      return "there is no such revision: the view was made anew";
    case Feed::Lost::kNo:
      break;
  }
  return "";
}

}  // namespace

// Where a reader stands. On the shard's executor.
struct Shard::FeedPlace {
  tree::Revision revision = 0;
  Feed::Lost refused = Feed::Lost::kNo;  // What is wrong with where it wanted to begin.
  bool followed = false;                 // It has been told something.
  env::Signal news;
};

class Shard::Reader final : public ChangeReader {
 public:
  Reader(std::shared_ptr<Shard> shard, std::shared_ptr<FeedPlace> place)
      : shard_(std::move(shard)), place_(std::move(place)) {}
  ~Reader() override {
    env::Executor& executor = shard_->executor_;
    executor.Post([shard = std::move(shard_), place = std::move(place_)] { shard->Leave(place); });
  }
  Reader(const Reader&) = delete;

  env::Task<FeedNews> Next(Instant deadline, std::stop_token stop) override {
    env::Task<FeedNews> next = shard_->NextHere(place_, deadline, std::move(stop));
    co_return co_await env::RunOn(shard_->executor_, std::move(next));
  }

 private:
  std::shared_ptr<Shard> shard_;
  std::shared_ptr<FeedPlace> place_;
};

env::Task<Result<std::unique_ptr<ChangeReader>>> Shard::Follow(std::optional<FeedPosition> since) {
  const std::shared_ptr<Shard> self = shared_from_this();
  env::Task<Result<std::unique_ptr<ChangeReader>>> follow = FollowHere(since);
  co_return co_await env::RunOn(executor_, std::move(follow));
}

env::Task<Result<std::unique_ptr<ChangeReader>>> Shard::FollowHere(
    std::optional<FeedPosition> since) {
  if (stopped_) co_return Status(Code::kUnavailable, "the view has ended");
  if (restoring_ != nullptr) co_return Status(Code::kUnavailable, "a checkpoint is being loaded");
  if (feed_places_.size() >= options_.feed_readers_max) {
    co_return Status(Code::kResourceExhausted,
                     std::to_string(feed_places_.size()) + " readers follow this view already");
  }
  // What has been edited and not published is of no revision yet.
  if (publish_posted_) PublishHere();
  if (!feed_.recording()) {
    feed_.Begin(tree_.revision());
    tree_.Observe(&feed_);
  }
  const auto place = std::make_shared<FeedPlace>();
  place->revision = since ? since->revision : tree_.revision();
  if (since && since->incarnation && *since->incarnation != incarnation_) {
    place->refused = Feed::Lost::kUnknown;
  }
  feed_places_.push_back(place);
  co_return std::unique_ptr<ChangeReader>(std::make_unique<Reader>(shared_from_this(), place));
}

FeedNews Shard::ReadFeed(FeedPlace* place) {
  FeedNews news;
  Feed::Page page = feed_.Read(place->revision, kPageBytes);
  if (place->refused != Feed::Lost::kNo) {
    page.lost = place->refused;
    page.upto = tree_.revision();
    place->refused = Feed::Lost::kNo;
  }
  if (page.lost != Feed::Lost::kNo) {
    ++facts_.feed_resets;
    news.kind = FeedNews::Kind::kReset;
    news.reason = Sentence(page.lost, place->followed);
  } else if (!page.revisions.empty()) {
    news.kind = FeedNews::Kind::kChanges;
    news.revisions = std::move(page.revisions);
  }
  place->revision = page.upto;
  place->followed = true;
  news.position = Position(page.upto);
  return news;
}

env::Task<FeedNews> Shard::NextHere(std::shared_ptr<FeedPlace> place, Instant deadline,
                                    std::stop_token stop) {
  const std::shared_ptr<Shard> self = shared_from_this();
  const std::stop_callback on_end(feed_stop_.get_token(), [place] { place->news.Set(); });
  for (;;) {
    FeedNews news = ReadFeed(place.get());
    if (news.kind != FeedNews::Kind::kQuiet) co_return news;
    if (stopped_ || stop.stop_requested()) {
      news.kind = FeedNews::Kind::kEnded;
      news.reason = stopped_ ? "the view has ended" : "stopped";
      co_return news;
    }
    const Status waited = co_await place->news.Wait(deadline, stop);
    if (waited.code() == Code::kDeadlineExceeded) co_return ReadFeed(place.get());
  }
}

void Shard::Leave(const std::shared_ptr<FeedPlace>& place) {
  std::erase(feed_places_, place);
  feed_left_at_ = executor_.clock().Now();
}

void Shard::PublishFeed(WallTime now) {
  if (!feed_.recording()) return;
  if (feed_places_.empty() && executor_.clock().Now() - feed_left_at_ > options_.feed_linger) {
    tree_.Observe(nullptr);
    feed_.End();
    return;
  }
  const tree::Revision revision = tree_.revision();
  feed_.Publish(revision, now);
  for (const auto& place : feed_places_) {
    if (place->revision != revision) place->news.Set();
  }
}

}  // namespace fustor::fusion
