// conversation.h: one call or stream over a connection of the simulated network, and the way that
// its messages take. Private to sim/network.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/transport.h"
#include "sim/network.h"

namespace fustor::sim::internal {

enum class Side : std::uint8_t { kClient = 0, kServer = 1 };
constexpr Side Opposite(Side side) { return side == Side::kClient ? Side::kServer : Side::kClient; }

class Conversation;

// The connection between a client host and a server host.
class Route : public std::enable_shared_from_this<Route> {
 public:
  Route(Network& network, std::string from, std::string to);

  // Runs `deliver` when a message of `bytes` has gone the way, never before what was carried for
  // the same side of the same conversation earlier. Never, when the conversation breaks first.
  void Carry(const std::shared_ptr<Conversation>& conversation, Side to, std::size_t bytes,
             env::Callback deliver);
  std::shared_ptr<Conversation> Start();
  void Remove(std::uint64_t conversation) { open_.erase(conversation); }
  // Those that are open now, by age.
  std::vector<std::shared_ptr<Conversation>> All() const;

  // Each side learns of it within `notice_max`.
  void Break(Nanos notice_max);
  void Partition(Nanos duration);

  World& world();
  const NetworkLimits& limits() const;
  std::shared_ptr<ServerState> FindServer() const;
  const std::string& from() const { return from_; }

 private:
  void Arrive(const std::shared_ptr<Conversation>& conversation, env::Callback deliver);
  Nanos DelayOf(std::size_t bytes);
  void Heal(std::uint64_t partition);
  void GiveUpLater(std::uint64_t partition);

  Network& network_;
  const std::string from_;
  const std::string to_;
  std::map<std::uint64_t, std::weak_ptr<Conversation>> open_;
  std::uint64_t last_number_ = 0;
  bool cut_ = false;
  std::uint64_t partition_ = 0;  // Counts them.
  // What has arrived during a partition, in order.
  std::vector<std::pair<std::shared_ptr<Conversation>, env::Callback>> parked_;
};

// Both ends. Each end is used on its own executor; the network changes them between two pieces of
// work of any executor.
class Conversation : public std::enable_shared_from_this<Conversation> {
 public:
  Conversation(std::shared_ptr<Route> route, std::uint64_t number)
      : number_(number), route_(std::move(route)) {}
  ~Conversation() { route_->Remove(number_); }

  // As the functions of env::Stream.
  static env::Task<Status> Send(std::shared_ptr<Conversation> self, Side side, std::string message);
  static env::Task<Result<std::optional<std::string>>> Receive(std::shared_ptr<Conversation> self,
                                                               Side side);
  Status CloseSend();

  // The operations of `side` fail with `why` from now on, and those of the other side with `other`
  // when that has been told. The first call counts.
  void End(Side side, const Status& why, const Status& other);
  // The handler has ended. The client gets `status` after all messages.
  void Finish(const Status& status);
  // The connection is gone: nothing that is under way arrives.
  void Lose(Nanos client_notice, Nanos server_notice);

  // One message each way, for unary calls.
  using Answer = env::Completion<Result<std::string>>::Resolver;
  void AwaitAnswer(Answer answer) { answer_ = std::move(answer); }
  void SendAnswer(Result<std::string> answer);

  // Which server has it, once it has begun there.
  void BeginAt(const ServerState* server) { server_ = server; }
  const ServerState* server() const { return server_; }
  Route& route() { return *route_; }
  bool lost() const { return lost_; }
  Instant& not_before(Side to) { return at(to).arrives_not_before; }

 private:
  struct Half {
    Status broken;  // Not Ok: every operation fails with it.
    // What this side sends.
    bool closed = false;
    std::size_t unread_bytes = 0;  // Sent, and not known to be received by the other side.
    std::optional<env::Completion<bool>::Resolver> sender;
    // What this side receives.
    Instant arrives_not_before;
    std::deque<std::string> inbox;
    std::optional<Status> ended;  // After the inbox: Ok is the end of the messages.
    std::optional<env::Completion<bool>::Resolver> receiver;
  };
  Half& at(Side side) { return halves_[static_cast<std::size_t>(side)]; }
  static void Wake(std::optional<env::Completion<bool>::Resolver>* waiter);
  Status SendError(Side side);
  void BreakHere(Side side, const Status& why);
  void DeliverEnd(Side side, const Status& status);

  const std::uint64_t number_;
  const std::shared_ptr<Route> route_;
  Half halves_[2];
  std::optional<Answer> answer_;
  const ServerState* server_ = nullptr;
  bool lost_ = false;
};

// What runs in a server's process.
struct ServerState {
  explicit ServerState(const env::MethodTable& table) : methods(table) {}
  env::TaskGroup& GroupOf(env::Executor& executor);

  const env::MethodTable& methods;
  bool closed = false;  // It takes no new calls.
  std::vector<std::pair<env::Executor*, std::unique_ptr<env::TaskGroup>>> groups;
};

}  // namespace fustor::sim::internal
