#include "lib/loopback/link.h"

#include <utility>

#include "base/check.h"

namespace fustor::loopback {

void Link::End::Wake(std::optional<env::Completion<bool>::Resolver>& waiter) {
  if (!waiter) return;
  (*waiter)(true);
  waiter.reset();
}

Status Link::SendError(const End& end) const {
  if (!end.broken.ok()) return end.broken;
  // Only the client can learn of an end while it still sends: the server's end is the call's.
  if (&end == &at(Side::kClient) && end.ended) {
    if (!end.ended->ok()) return *end.ended;
    return Status(Code::kUnavailable, "the server has ended the stream");
  }
  if (end.closed) return Status(Code::kFailedPrecondition, "the stream was closed for sending");
  return Status();
}

env::Task<Status> Link::Send(std::shared_ptr<Link> link, Side side, std::string message) {
  End& end = link->at(side);
  const std::size_t bytes = message.size();
  for (;;) {
    Status error = link->SendError(end);
    if (!error.ok()) co_return error;
    if (end.unread_bytes == 0 || end.unread_bytes + bytes <= link->unread_bytes_max_) break;
    FUSTOR_CHECK(!end.sender, "two Sends at a time");
    env::Completion<bool> room;
    end.sender = room.resolver();
    co_await room.Wait();
  }
  // An empty message costs a byte, so that endless empty messages are bounded too.
  end.unread_bytes += bytes + 1;
  const Side other = Opposite(side);
  link->at(other).executor->Post([link, other, text = std::move(message)]() mutable {
    link->Deliver(other, std::move(text));
  });
  co_return Status();
}

env::Task<Result<std::optional<std::string>>> Link::Receive(std::shared_ptr<Link> link, Side side) {
  End& end = link->at(side);
  for (;;) {
    if (!end.broken.ok()) co_return end.broken;
    if (!end.inbox.empty()) break;
    if (end.ended && !end.ended->ok()) co_return *end.ended;
    if (end.ended) co_return std::optional<std::string>();
    FUSTOR_CHECK(!end.receiver, "two Receives at a time");
    env::Completion<bool> news;
    end.receiver = news.resolver();
    co_await news.Wait();
  }
  std::optional<std::string> message = std::move(end.inbox.front());
  end.inbox.pop_front();
  const Side other = Opposite(side);
  link->at(other).executor->Post(
      [link, other, bytes = message->size() + 1] { link->ReturnCredit(other, bytes); });
  co_return message;
}

Status Link::CloseSend(Side side) {
  End& end = at(side);
  Status error = SendError(end);
  if (!error.ok()) return error;
  end.closed = true;
  const Side other = Opposite(side);
  at(other).executor->Post(
      [link = shared_from_this(), other] { link->DeliverEnd(other, Status()); });
  return Status();
}

void Link::Finish(const Status& status) {
  const Status final = at(Side::kServer).broken.ok() ? status : at(Side::kServer).broken;
  BreakHere(Side::kServer, Status(Code::kCancelled, "the handler has ended"));
  at(Side::kClient).executor->Post([link = shared_from_this(), final] {
    link->DeliverEnd(Side::kClient, final);
  });
}

void Link::Break(Side side, const Status& why, const Status& other) {
  if (!at(side).broken.ok()) return;
  BreakHere(side, why);
  const Side there = Opposite(side);
  at(there).executor->Post(
      [link = shared_from_this(), there, other] { link->BreakHere(there, other); });
}

void Link::BreakSoon(Side side, Status why, Status other) {
  if (at(side).executor->RunningHere()) {
    Break(side, why, other);
    return;
  }
  at(side).executor->Post([link = shared_from_this(), side, why = std::move(why),
                           other = std::move(other)] { link->Break(side, why, other); });
}

void Link::BreakHere(Side side, const Status& why) {
  End& end = at(side);
  // A call that has ended keeps its status: the client that drops a finished stream, for one.
  if (!end.broken.ok()) return;
  end.broken = why;
  end.inbox.clear();
  end.Wake(end.sender);
  end.Wake(end.receiver);
  if (side == Side::kServer) server_broken_.request_stop();
}

void Link::Deliver(Side side, std::string message) {
  End& end = at(side);
  if (!end.broken.ok()) return;
  end.inbox.push_back(std::move(message));
  end.Wake(end.receiver);
}

void Link::DeliverEnd(Side side, const Status& status) {
  End& end = at(side);
  if (!end.broken.ok() || end.ended) return;
  end.ended = status;
  end.Wake(end.receiver);
  if (side == Side::kClient) end.Wake(end.sender);
}

void Link::ReturnCredit(Side side, std::size_t bytes) {
  End& end = at(side);
  end.unread_bytes -= bytes;
  end.Wake(end.sender);
}

}  // namespace fustor::loopback
