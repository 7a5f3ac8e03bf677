#include "sim/conversation.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace fustor::sim::internal {

// --- Route ---------------------------------------------------------------------------------------

Route::Route(Network& network, std::string from, std::string to)
    : network_(network), from_(std::move(from)), to_(std::move(to)) {}

World& Route::world() { return network_.world_; }

const NetworkLimits& Route::limits() const { return network_.limits_; }

std::shared_ptr<ServerState> Route::FindServer() const {
  const auto it = network_.servers_.find(to_);
  return it == network_.servers_.end() ? nullptr : it->second;
}

std::shared_ptr<Conversation> Route::Start() {
  auto conversation = std::make_shared<Conversation>(shared_from_this(), ++last_number_);
  open_.emplace(last_number_, conversation);
  return conversation;
}

std::vector<std::shared_ptr<Conversation>> Route::All() const {
  std::vector<std::shared_ptr<Conversation>> all;
  for (const auto& [number, weak] : open_) {
    if (auto conversation = weak.lock()) all.push_back(std::move(conversation));
  }
  return all;
}

Nanos Route::DelayOf(std::size_t bytes) {
  const LinkQuality& quality = network_.quality_;
  Prng& prng = network_.prng_;
  Nanos delay(prng.Between(quality.delay_min.count(), quality.delay_max.count()));
  if (quality.late_one_in != 0 && prng.Chance(1, quality.late_one_in)) {
    delay += Nanos(prng.Between(0, quality.late_max.count()));
  }
  return delay + Nanos(bytes * 1'000'000'000 / quality.bytes_per_second);
}

void Route::Carry(const std::shared_ptr<Conversation>& conversation, Side to, std::size_t bytes,
                  env::Callback deliver) {
  if (conversation->lost()) return;
  ++network_.counters_.messages;
  Instant& not_before = conversation->not_before(to);
  not_before = std::max(world().now() + DelayOf(bytes), not_before + Nanos(1));
  world().At(not_before,
             [self = shared_from_this(), conversation, deliver = std::move(deliver)]() mutable {
               self->Arrive(conversation, std::move(deliver));
             });
}

void Route::Arrive(const std::shared_ptr<Conversation>& conversation, env::Callback deliver) {
  if (conversation->lost()) return;
  if (cut_) {
    parked_.emplace_back(conversation, std::move(deliver));
    return;
  }
  const std::uint64_t one_in = network_.quality_.break_one_in;
  if (one_in != 0 && network_.prng_.Chance(1, one_in)) return Break(network_.quality_.late_max);
  deliver();
}

void Route::Break(Nanos notice_max) {
  ++network_.counters_.breaks;
  world().Note("break");
  parked_.clear();
  Prng& prng = network_.prng_;
  for (const auto& conversation : All()) {
    const Nanos client(prng.Between(0, notice_max.count()));
    const Nanos server(prng.Between(0, notice_max.count()));
    conversation->Lose(client, server);
  }
}

void Route::Partition(Nanos duration) {
  world().Note("partition");
  cut_ = true;
  const std::uint64_t partition = ++partition_;
  world().After(duration, [self = shared_from_this(), partition] { self->Heal(partition); });
  GiveUpLater(partition);
}

void Route::GiveUpLater(std::uint64_t partition) {
  const std::int64_t silence = network_.quality_.silence_max.count();
  const Nanos patience(network_.prng_.Between(silence / 2, silence));
  world().After(patience, [self = shared_from_this(), partition] {
    if (!self->cut_ || self->partition_ != partition) return;
    self->Break(Seconds(1));
    self->GiveUpLater(partition);
  });
}

void Route::Heal(std::uint64_t partition) {
  if (partition_ != partition) return;  // A later one lasts on.
  cut_ = false;
  // Before anything that is still on its way: it was sent later.
  auto parked = std::exchange(parked_, {});
  for (auto& [conversation, deliver] : parked) {
    if (!conversation->lost()) deliver();
  }
}

// --- Conversation --------------------------------------------------------------------------------

void Conversation::Wake(std::optional<env::Completion<bool>::Resolver>* waiter) {
  if (!*waiter) return;
  const auto wake = *std::exchange(*waiter, std::nullopt);
  wake(true);
}

Status Conversation::SendError(Side side) {
  const Half& half = at(side);
  if (!half.broken.ok()) return half.broken;
  // Only the client can learn of an end while it still sends: the server's end is the call's.
  if (side == Side::kClient && half.ended) {
    if (!half.ended->ok()) return *half.ended;
    return {Code::kUnavailable, "the server has ended the stream"};
  }
  if (half.closed) return {Code::kFailedPrecondition, "the stream was closed for sending"};
  return {};
}

env::Task<Status> Conversation::Send(std::shared_ptr<Conversation> self, Side side,
                                     std::string message) {
  Half& half = self->at(side);
  const std::size_t bytes = message.size() + 1;  // Endless empty messages are bounded too.
  for (;;) {
    Status error = self->SendError(side);
    if (!error.ok()) co_return error;
    const std::size_t room = self->route_->limits().unread_bytes_max;
    if (half.unread_bytes == 0 || half.unread_bytes + bytes <= room) break;
    FUSTOR_CHECK(!half.sender, "two Sends at a time");
    env::Completion<bool> space;
    half.sender = space.resolver();
    co_await space.Wait();
  }
  half.unread_bytes += bytes;
  const Side other = Opposite(side);
  self->route_->Carry(self, other, bytes, [self, other, text = std::move(message)]() mutable {
    Half& there = self->at(other);
    if (!there.broken.ok()) return;
    there.inbox.push_back(std::move(text));
    Wake(&there.receiver);
  });
  co_return Status();
}

env::Task<Result<std::optional<std::string>>> Conversation::Receive(
    std::shared_ptr<Conversation> self, Side side) {
  Half& half = self->at(side);
  for (;;) {
    if (!half.broken.ok()) co_return half.broken;
    if (!half.inbox.empty()) break;
    if (half.ended && !half.ended->ok()) co_return *half.ended;
    if (half.ended) co_return std::optional<std::string>();
    FUSTOR_CHECK(!half.receiver, "two Receives at a time");
    env::Completion<bool> news;
    half.receiver = news.resolver();
    co_await news.Wait();
  }
  std::optional<std::string> message = std::move(half.inbox.front());
  half.inbox.pop_front();
  const Side other = Opposite(side);
  self->route_->Carry(self, other, 0, [self, other, bytes = message->size() + 1] {
    self->at(other).unread_bytes -= bytes;
    Wake(&self->at(other).sender);
  });
  co_return message;
}

Status Conversation::CloseSend() {
  Status error = SendError(Side::kClient);
  if (!error.ok()) return error;
  at(Side::kClient).closed = true;
  route_->Carry(shared_from_this(), Side::kServer, 0,
                [self = shared_from_this()] { self->DeliverEnd(Side::kServer, Status()); });
  return {};
}

void Conversation::End(Side side, const Status& why, const Status& other) {
  if (!at(side).broken.ok()) return;
  BreakHere(side, why);
  const Side there = Opposite(side);
  route_->Carry(shared_from_this(), there, 0,
                [self = shared_from_this(), there, other] { self->BreakHere(there, other); });
}

void Conversation::Finish(const Status& status) {
  const Half& here = at(Side::kServer);
  const Status final = here.broken.ok() ? status : here.broken;
  BreakHere(Side::kServer, Status(Code::kCancelled, "the handler has ended"));
  route_->Carry(shared_from_this(), Side::kClient, 0,
                [self = shared_from_this(), final] { self->DeliverEnd(Side::kClient, final); });
}

void Conversation::SendAnswer(Result<std::string> answer) {
  const std::size_t bytes = answer.ok() ? answer->size() : 0;
  route_->Carry(shared_from_this(), Side::kClient, bytes,
                [self = shared_from_this(), answer = std::move(answer)]() mutable {
                  if (self->answer_) (*self->answer_)(std::move(answer));
                });
}

void Conversation::Lose(Nanos client_notice, Nanos server_notice) {
  if (std::exchange(lost_, true)) return;
  World& world = route_->world();
  world.After(client_notice, [self = shared_from_this()] {
    const Status why(Code::kUnavailable, "the connection was lost");
    if (self->answer_) (*self->answer_)(why);
    self->BreakHere(Side::kClient, why);
  });
  world.After(server_notice, [self = shared_from_this()] {
    self->BreakHere(Side::kServer, Status(Code::kCancelled, "the client has gone"));
  });
}

void Conversation::BreakHere(Side side, const Status& why) {
  Half& half = at(side);
  // A call that has ended keeps its status: the client that drops a finished stream, for one.
  if (!half.broken.ok()) return;
  half.broken = why;
  half.inbox.clear();
  Wake(&half.sender);
  Wake(&half.receiver);
}

void Conversation::DeliverEnd(Side side, const Status& status) {
  Half& half = at(side);
  if (!half.broken.ok() || half.ended) return;
  half.ended = status;
  Wake(&half.receiver);
  if (side == Side::kClient) Wake(&half.sender);
}

}  // namespace fustor::sim::internal
