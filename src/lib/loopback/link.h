// link.h: the two ends of a stream inside a process.
//
// A Link holds both ends; each end is touched on its own executor only, and tells the other about
// what it does by posting to that one's executor. Private to lib/loopback.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "env/executor.h"
#include "env/transport.h"

namespace fustor::loopback {

enum class Side : std::uint8_t { kClient = 0, kServer = 1 };
constexpr Side Opposite(Side side) { return side == Side::kClient ? Side::kServer : Side::kClient; }

class Link : public std::enable_shared_from_this<Link> {
 public:
  Link(env::Executor& client, env::Executor& server, std::size_t unread_bytes_max)
      : ends_{End(client), End(server)}, unread_bytes_max_(unread_bytes_max) {}

  // On the executor of `side`. As the functions of env::Stream.
  static env::Task<Status> Send(std::shared_ptr<Link> link, Side side, std::string message);
  static env::Task<Result<std::optional<std::string>>> Receive(std::shared_ptr<Link> link,
                                                               Side side);
  Status CloseSend(Side side);

  // On the executor of `side`: its operations fail with `why` from now on, and those of the other
  // side with `other` when that has been told. The first call counts.
  void Break(Side side, const Status& why, const Status& other);
  // The same on the way from any thread: at once when that is the executor of `side`.
  void BreakSoon(Side side, Status why, Status other);
  // On the server's executor: the handler has ended. The client gets `status` after all messages.
  void Finish(const Status& status);
  // Requested when the stream was broken while the handler ran.
  std::stop_token server_broken() const { return server_broken_.get_token(); }
  // On the executor of `side`. Ok while the stream is whole.
  const Status& broken(Side side) const { return at(side).broken; }

 private:
  struct End {
    explicit End(env::Executor& e) : executor(&e) {}
    env::Executor* executor;
    Status broken;  // Not Ok: every operation fails with it.
    // What this end sends.
    bool closed = false;
    std::size_t unread_bytes = 0;  // Sent, and not yet received by the other end's user.
    std::optional<env::Completion<bool>::Resolver> sender;
    // What this end receives.
    std::deque<std::string> inbox;
    std::optional<Status> ended;  // After the inbox: Ok is the end of the messages.
    std::optional<env::Completion<bool>::Resolver> receiver;

    void Wake(std::optional<env::Completion<bool>::Resolver>& waiter);
  };
  End& at(Side side) { return ends_[static_cast<std::size_t>(side)]; }
  const End& at(Side side) const { return ends_[static_cast<std::size_t>(side)]; }

  void BreakHere(Side side, const Status& why);
  void Deliver(Side side, std::string message);
  void DeliverEnd(Side side, const Status& status);
  void ReturnCredit(Side side, std::size_t bytes);
  Status SendError(const End& end) const;

  End ends_[2];
  std::stop_source server_broken_;
  const std::size_t unread_bytes_max_;
};

}  // namespace fustor::loopback
