#include "sim/network.h"

#include <utility>

#include "base/check.h"
#include "sim/conversation.h"

namespace fustor::sim {
namespace {

using internal::Conversation;
using internal::Route;
using internal::ServerState;
using internal::Side;

constexpr Nanos kCrashNotice = Millis(50);

Status Cancelled() { return {Code::kCancelled, "the call was cancelled"}; }
Status Expired() { return {Code::kDeadlineExceeded, "the deadline of the call has passed"}; }
Status Stopped() { return {Code::kUnavailable, "the server has stopped"}; }
Status ClientGone() { return {Code::kCancelled, "the client has gone"}; }
Status Refused() { return {Code::kUnavailable, "connection refused"}; }

Status CheckStart(const env::CallOptions& options, const env::Executor& here) {
  if (options.stop.stop_requested()) return Cancelled();
  if (options.deadline <= here.clock().Now()) return Expired();
  return {};
}

Status TooLarge(std::size_t bytes) {
  return {Code::kResourceExhausted,
          "a message of " + std::to_string(bytes) + " bytes is over the limit"};
}

// One side's view of a conversation.
class Stream : public env::Stream {
 public:
  Stream(std::shared_ptr<Conversation> conversation, Side side)
      : conversation_(std::move(conversation)), side_(side) {}

  env::Task<Status> Send(std::string message) override {
    if (message.size() > conversation_->route().limits().message_bytes_max) {
      co_return TooLarge(message.size());
    }
    co_return co_await Conversation::Send(conversation_, side_, std::move(message));
  }
  env::Task<Result<std::optional<std::string>>> Receive() override {
    return Conversation::Receive(conversation_, side_);
  }
  env::Task<Status> CloseSend() override {
    if (side_ == Side::kServer) {
      co_return Status(Code::kFailedPrecondition, "a server ends its stream by returning");
    }
    co_return conversation_->CloseSend();
  }
  void Cancel() override {
    conversation_->End(side_, Cancelled(), side_ == Side::kClient ? ClientGone() : Cancelled());
  }

 private:
  const std::shared_ptr<Conversation> conversation_;
  const Side side_;
};

class ClientStream final : public Stream {
 public:
  ClientStream(const std::shared_ptr<Conversation>& conversation, env::Executor& executor,
               const env::CallOptions& options)
      : Stream(conversation, Side::kClient),
        executor_(executor),
        on_stop_(options.stop, Canceller{conversation}) {
    if (options.deadline == Instant::Max()) return;
    timer_ = executor.PostAt(options.deadline, [weak = std::weak_ptr<Conversation>(conversation)] {
      if (const auto alive = weak.lock()) alive->End(Side::kClient, Expired(), ClientGone());
    });
  }
  ~ClientStream() override {
    if (timer_ != 0) executor_.CancelTimer(timer_);
    Cancel();
  }

 private:
  struct Canceller {
    std::weak_ptr<Conversation> conversation;
    void operator()() const {
      if (const auto alive = conversation.lock()) {
        alive->End(Side::kClient, Cancelled(), ClientGone());
      }
    }
  };
  env::Executor& executor_;
  env::Executor::TimerId timer_ = 0;
  const std::stop_callback<Canceller> on_stop_;
};

env::Task<void> RunUnary(const env::MethodTable::Method* method, env::CallContext context,
                         std::string request, std::shared_ptr<Conversation> conversation) {
  Result<std::string> answer = co_await method->unary(std::move(context), std::move(request));
  conversation->SendAnswer(std::move(answer));
}

env::Task<void> RunStream(const env::MethodTable::Method* method, env::CallContext context,
                          std::shared_ptr<Conversation> conversation) {
  Stream stream(conversation, Side::kServer);
  const Status status = co_await method->stream(std::move(context), stream);
  conversation->Finish(status);
}

// A call as it arrives at the server's host.
struct Request {
  std::shared_ptr<Conversation> conversation;
  std::string method;
  env::CallContext context;
  std::string message;  // Of a unary call.
  bool unary = false;

  void Refuse(const Status& why) const {
    unary ? conversation->SendAnswer(why) : conversation->Finish(why);
  }
};

void Begin(Request request) {
  const std::shared_ptr<ServerState> server = request.conversation->route().FindServer();
  if (server == nullptr) return request.Refuse(Refused());
  const env::MethodTable::Method* method = server->methods.Find(request.method);
  const bool found = method != nullptr && (request.unary ? static_cast<bool>(method->unary)
                                                         : static_cast<bool>(method->stream));
  if (!found) return request.Refuse({Code::kUnimplemented, "no method " + request.method});
  request.conversation->BeginAt(server.get());
  env::Executor& executor = *method->executor;
  executor.Post([server, method, request = std::move(request)]() mutable {
    if (server->closed) return request.Refuse(Stopped());
    env::TaskGroup& group = server->GroupOf(*method->executor);
    if (request.unary) {
      group.Spawn(RunUnary(method, std::move(request.context), std::move(request.message),
                           std::move(request.conversation)));
    } else {
      group.Spawn(RunStream(method, std::move(request.context), std::move(request.conversation)));
    }
  });
}

class Channel final : public env::Channel {
 public:
  explicit Channel(std::shared_ptr<Route> route) : route_(std::move(route)) {}

  env::Task<Result<std::string>> Call(std::string method, std::string request,
                                      env::CallOptions options) override {
    env::Executor& here = co_await env::ThisExecutor();
    Status start = CheckStart(options, here);
    if (!start.ok()) co_return start;
    const std::size_t limit = route_->limits().message_bytes_max;
    if (request.size() > limit) co_return TooLarge(request.size());

    env::Completion<Result<std::string>> done;
    const std::shared_ptr<Conversation> conversation = route_->Start();
    conversation->AwaitAnswer(done.resolver());
    Send(conversation, std::move(method), std::move(options.metadata), std::move(request), true);

    env::Executor::TimerId timer = 0;
    if (options.deadline != Instant::Max()) {
      timer = here.PostAt(options.deadline, [resolve = done.resolver()] { resolve(Expired()); });
    }
    const std::stop_callback on_stop(options.stop,
                                     [resolve = done.resolver()] { resolve(Cancelled()); });
    Result<std::string> result = co_await done.Wait();
    if (timer != 0) here.CancelTimer(timer);
    if (result.ok() && result->size() > limit) co_return TooLarge(result->size());
    co_return result;
  }

  env::Task<Result<std::unique_ptr<env::Stream>>> Open(std::string method,
                                                       env::CallOptions options) override {
    env::Executor& here = co_await env::ThisExecutor();
    Status start = CheckStart(options, here);
    if (!start.ok()) co_return start;
    const std::shared_ptr<Conversation> conversation = route_->Start();
    Send(conversation, std::move(method), std::move(options.metadata), {}, false);
    std::unique_ptr<env::Stream> stream =
        std::make_unique<ClientStream>(conversation, here, options);
    co_return stream;
  }

 private:
  void Send(const std::shared_ptr<Conversation>& conversation, std::string method,
            env::Metadata metadata, std::string message, bool unary) {
    const std::size_t bytes = method.size() + message.size();
    Request request{conversation,
                    std::move(method),
                    {std::move(metadata), "sim:" + route_->from()},
                    std::move(message),
                    unary};
    route_->Carry(conversation, Side::kServer, bytes,
                  [request = std::move(request)]() mutable { Begin(std::move(request)); });
  }

  const std::shared_ptr<Route> route_;
};

env::Task<int> JoinGroup(env::TaskGroup* group) {
  co_await group->Join();
  co_return 0;
}

}  // namespace

env::TaskGroup& internal::ServerState::GroupOf(env::Executor& executor) {
  for (const auto& [at, group] : groups) {
    if (at == &executor) return *group;
  }
  groups.emplace_back(&executor, std::make_unique<env::TaskGroup>(executor));
  return *groups.back().second;
}

// --- Server --------------------------------------------------------------------------------------

Server::Server(Network& network, std::string host, const env::MethodTable& methods)
    : network_(network), host_(std::move(host)), state_(std::make_shared<ServerState>(methods)) {
  const bool first = network.servers_.emplace(host_, state_).second;
  FUSTOR_CHECK(first, "one server a host");
}

Server::~Server() { FUSTOR_CHECK(state_->closed, "a server was destroyed while it served"); }

env::Task<void> Server::Stop() {
  state_->closed = true;
  network_.servers_.erase(host_);
  for (const auto& [ends, route] : network_.routes_) {
    for (const auto& conversation : route->All()) {
      if (conversation->server() == state_.get()) {
        conversation->End(Side::kServer, Cancelled(), Stopped());
      }
    }
  }
  for (const auto& [executor, group] : state_->groups) {
    env::Task<int> join = JoinGroup(group.get());
    co_await env::RunOn<int>(*executor, std::move(join));
  }
}

void Server::Crash() {
  if (std::exchange(state_->closed, true)) return;
  network_.servers_.erase(host_);
  for (const auto& [ends, route] : network_.routes_) {
    if (ends.to == host_) route->Break(kCrashNotice);
  }
  for (const auto& [executor, group] : state_->groups) group->Abandon();
}

// --- Network -------------------------------------------------------------------------------------

Network::Network(World& world, LinkQuality quality, NetworkLimits limits)
    : world_(world), quality_(quality), limits_(limits), prng_(world.Derive("network")) {}

Network::~Network() = default;

std::shared_ptr<Route> Network::RouteOf(const Ends& ends) {
  std::shared_ptr<Route>& route = routes_[ends];
  if (route == nullptr) route = std::make_shared<Route>(*this, ends.from, ends.to);
  return route;
}

std::unique_ptr<env::Channel> Network::Connect(const std::string& from, const std::string& to,
                                               const std::string& lane) {
  return std::make_unique<Channel>(RouteOf({from, to, lane}));
}

void Network::SetQuality(const LinkQuality& quality) { quality_ = quality; }

void Network::Break(const std::string& from, const std::string& to, const std::string& lane) {
  RouteOf({from, to, lane})->Break(quality_.late_max);
}

void Network::Partition(const std::string& from, const std::string& to, Nanos duration) {
  ++counters_.partitions;
  for (const auto& [ends, route] : routes_) {
    if (ends.from == from && ends.to == to) route->Partition(duration);
  }
}

}  // namespace fustor::sim
