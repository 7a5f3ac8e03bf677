#include "lib/loopback/loopback.h"

#include <list>
#include <utility>

#include "base/check.h"
#include "env/client_gone.h"
#include "env/task_group.h"
#include "lib/loopback/link.h"

namespace fustor::loopback {
namespace {

Status Cancelled() { return Status(Code::kCancelled, "the call was cancelled"); }
Status Expired() { return Status(Code::kDeadlineExceeded, "the deadline of the call has passed"); }
Status Stopped() { return Status(Code::kUnavailable, "the server has stopped"); }
Status ClientGone() { return Status(Code::kCancelled, "the client has gone"); }

Status CheckStart(const env::CallOptions& options, const env::Executor& here) {
  if (options.stop.stop_requested()) return Cancelled();
  if (options.deadline <= here.clock().Now()) return Expired();
  return Status();
}

Status TooLarge(std::size_t bytes) {
  return Status(Code::kResourceExhausted,
                "a message of " + std::to_string(bytes) + " bytes is over the limit");
}

// One side's view of a link.
class LinkStream : public env::Stream {
 public:
  LinkStream(std::shared_ptr<Link> link, Side side, std::size_t message_bytes_max)
      : link_(std::move(link)), side_(side), message_bytes_max_(message_bytes_max) {}

  env::Task<Status> Send(std::string message) override {
    if (message.size() > message_bytes_max_) co_return TooLarge(message.size());
    co_return co_await Link::Send(link_, side_, std::move(message));
  }
  env::Task<Result<std::optional<std::string>>> Receive() override {
    return Link::Receive(link_, side_);
  }
  env::Task<Status> CloseSend() override {
    if (side_ == Side::kServer) {
      co_return Status(Code::kFailedPrecondition, "a server ends its stream by returning");
    }
    co_return link_->CloseSend(side_);
  }
  void Cancel() override {
    link_->BreakSoon(side_, Cancelled(), side_ == Side::kClient ? ClientGone() : Cancelled());
  }

 protected:
  const Link& link() const { return *link_; }

 private:
  const std::shared_ptr<Link> link_;
  const Side side_;
  const std::size_t message_bytes_max_;
};

class ClientStream final : public LinkStream {
 public:
  ClientStream(const std::shared_ptr<Link>& link, env::Executor& executor,
               const env::CallOptions& options, std::size_t message_bytes_max)
      : LinkStream(link, Side::kClient, message_bytes_max),
        executor_(executor),
        on_stop_(options.stop, Canceller{link}) {
    if (options.deadline == Instant::Max()) return;
    timer_ = executor.PostAt(options.deadline, [weak = std::weak_ptr<Link>(link)] {
      if (const auto alive = weak.lock()) alive->Break(Side::kClient, Expired(), ClientGone());
    });
  }
  ~ClientStream() override {
    if (timer_ != 0) executor_.CancelTimer(timer_);
    Cancel();
  }

 private:
  struct Canceller {
    std::weak_ptr<Link> link;
    void operator()() const {
      if (const auto alive = link.lock()) {
        alive->BreakSoon(Side::kClient, Cancelled(), ClientGone());
      }
    }
  };
  env::Executor& executor_;
  env::Executor::TimerId timer_ = 0;
  const std::stop_callback<Canceller> on_stop_;
};

class ServerStream final : public LinkStream, public env::ClientWatch {
 public:
  ServerStream(const std::shared_ptr<Link>& link, std::size_t message_bytes_max)
      : LinkStream(link, Side::kServer, message_bytes_max) {}
  std::stop_token client_gone() const override { return link().server_broken(); }
};

}  // namespace

// What runs on one of the table's executors. Touched there only.
struct Loopback::Host {
  explicit Host(env::Executor& e) : executor(e), tasks(e) {}

  env::Executor& executor;
  env::TaskGroup tasks;
  std::list<std::shared_ptr<Link>> links;
  bool stopping = false;

  using Resolver = env::Completion<Result<std::string>>::Resolver;

  static env::Task<void> RunUnary(const env::MethodTable::Method* method, env::CallContext context,
                                  std::string request, Resolver resolve) {
    Result<std::string> result = co_await method->unary(std::move(context), std::move(request));
    resolve(std::move(result));
  }

  static env::Task<void> RunStream(std::shared_ptr<Host> host,
                                   const env::MethodTable::Method* method, env::CallContext context,
                                   std::list<std::shared_ptr<Link>>::iterator link,
                                   std::size_t message_bytes_max) {
    ServerStream stream(*link, message_bytes_max);
    const Status status = co_await method->stream(std::move(context), stream);
    (*link)->Finish(status);
    host->links.erase(link);
  }

  static env::Task<int> StopAndJoin(std::shared_ptr<Host> host) {
    host->stopping = true;
    for (const std::shared_ptr<Link>& link : host->links) {
      link->Break(Side::kServer, Cancelled(), Stopped());
    }
    co_await host->tasks.Join();
    co_return 0;
  }
};

Loopback::Loopback(const env::MethodTable& methods, Options options)
    : methods_(methods), options_(options) {
  for (const auto& [name, method] : methods.methods()) {
    std::shared_ptr<Host>& host = hosts_[method.executor];
    if (host == nullptr) host = std::make_shared<Host>(*method.executor);
  }
}

Loopback::~Loopback() = default;

std::shared_ptr<Loopback::Host> Loopback::HostOf(const env::MethodTable::Method& method) const {
  return hosts_.at(method.executor);
}

env::Task<Result<std::string>> Loopback::Call(std::string method, std::string request,
                                              env::CallOptions options) {
  env::Executor& here = co_await env::ThisExecutor();
  Status start = CheckStart(options, here);
  if (!start.ok()) co_return start;
  const env::MethodTable::Method* found = methods_.Find(method);
  if (found == nullptr || !found->unary) {
    co_return Status(Code::kUnimplemented, "no unary method " + method);
  }
  if (request.size() > options_.message_bytes_max) co_return TooLarge(request.size());

  env::Completion<Result<std::string>> done;
  env::CallContext context{std::move(options.metadata), "in-process"};
  found->executor->Post([host = HostOf(*found), found, context = std::move(context),
                         request = std::move(request), resolve = done.resolver()]() mutable {
    if (host->stopping) {
      resolve(Stopped());
      return;
    }
    host->tasks.Spawn(Host::RunUnary(found, std::move(context), std::move(request), resolve));
  });

  env::Executor::TimerId timer = 0;
  if (options.deadline != Instant::Max()) {
    timer = here.PostAt(options.deadline, [resolve = done.resolver()] { resolve(Expired()); });
  }
  const std::stop_callback on_stop(options.stop,
                                   [resolve = done.resolver()] { resolve(Cancelled()); });
  Result<std::string> result = co_await done.Wait();
  if (timer != 0) here.CancelTimer(timer);
  if (result.ok() && result->size() > options_.message_bytes_max) {
    co_return TooLarge(result->size());
  }
  co_return result;
}

env::Task<Result<std::unique_ptr<env::Stream>>> Loopback::Open(std::string method,
                                                               env::CallOptions options) {
  env::Executor& here = co_await env::ThisExecutor();
  Status start = CheckStart(options, here);
  if (!start.ok()) co_return start;
  const env::MethodTable::Method* found = methods_.Find(method);
  if (found == nullptr || !found->stream) {
    co_return Status(Code::kUnimplemented, "no streaming method " + method);
  }
  auto link = std::make_shared<Link>(here, *found->executor, options_.unread_bytes_max);
  env::CallContext context{std::move(options.metadata), "in-process"};
  found->executor->Post([host = HostOf(*found), found, context = std::move(context), link,
                         limit = options_.message_bytes_max]() mutable {
    if (host->stopping) {
      link->Break(Side::kServer, Cancelled(), Stopped());
      return;
    }
    const auto place = host->links.insert(host->links.end(), link);
    host->tasks.Spawn(Host::RunStream(host, found, std::move(context), place, limit));
  });
  std::unique_ptr<env::Stream> stream =
      std::make_unique<ClientStream>(link, here, options, options_.message_bytes_max);
  co_return stream;
}

env::Task<void> Loopback::Stop() {
  for (const auto& [executor, host] : hosts_) {
    env::Task<int> join = Host::StopAndJoin(host);
    co_await env::RunOn<int>(*executor, std::move(join));
  }
}

}  // namespace fustor::loopback
