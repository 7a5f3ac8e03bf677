#include "adapters/grpc/server.h"

#include <grpc/grpc.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <mutex>
#include <system_error>
#include <utility>

#include "adapters/grpc/convert.h"
#include "adapters/grpc/handoff.h"
#include "base/check.h"
#include "env/client_gone.h"
#include "env/task_group.h"

namespace fustor::grpc {
namespace {

using ::grpc::ByteBuffer;

// gRPC reports the end of a read before, or a moment after, it reports that the client has gone.
// Only silence for this long means that the client has closed its side and is still there.
constexpr Millis kGoneGrace{20};

// The handlers that run on one executor.
struct Host {
  explicit Host(env::Executor& e) : executor(e), tasks(e) {}
  env::Executor& executor;
  env::TaskGroup tasks;  // Touched on the executor only.
};

// One call as gRPC sees it. Lives until both the handler and gRPC are done with it.
class ServerCall final : public ::grpc::ServerGenericBidiReactor {
 public:
  ServerCall(::grpc::GenericCallbackServerContext& context, std::atomic<int>& open_calls,
             std::size_t message_bytes_max)
      : context_(context), open_calls_(open_calls), message_bytes_max_(message_bytes_max) {}
  ~ServerCall() override { FUSTOR_CHECK(self_ == nullptr); }

  void HoldUntilDone(std::shared_ptr<ServerCall> self) { self_ = std::move(self); }

  env::CallContext Describe() const {
    env::CallContext described;
    for (const auto& [key, value] : context_.client_metadata()) {
      described.metadata.emplace_back(std::string(key.data(), key.size()),
                                      std::string(value.data(), value.size()));
    }
    described.peer = PeerAddress(context_.peer());
    return described;
  }

  // Reads the request of a unary call, then spawns its handler.
  void StartUnary(Host& host, const env::MethodTable::Method& method) {
    unary_host_ = &host;
    unary_method_ = &method;
    HandOver(this);
    StartRead(&read_buffer_);
  }
  void StartStream(Host& host, const env::MethodTable::Method& method,
                   std::shared_ptr<ServerCall> self) {
    {
      const std::scoped_lock lock(mutex_);
      gone_ = std::stop_source();
      if (cancelled_) gone_.request_stop();
    }
    host.executor.Post([&host, &method, self = std::move(self)]() mutable {
      host.tasks.Spawn(RunStream(std::move(self), method));
    });
  }
  void End(const Status& status) {
    HandOver(this);
    Finish(ToGrpc(status));
  }

  // Below: on the handler's executor, before the handler has ended.
  bool cancelled() {
    const std::scoped_lock lock(mutex_);
    return cancelled_;
  }
  void Cancel() {
    MarkCancelled();
    context_.TryCancel();
  }
  // The completions give false when the client has gone, or (Read) has sent all it will.
  env::Completion<bool> Write(std::string message) {
    env::Completion<bool> done;
    {
      const std::scoped_lock lock(mutex_);
      FUSTOR_CHECK(!write_done_, "two Sends at a time");
      write_done_ = done.resolver();
    }
    PutBytes(std::move(message), &write_buffer_);
    HandOver(this);
    StartWrite(&write_buffer_);
    return done;
  }
  env::Completion<bool> Read() {
    env::Completion<bool> done;
    {
      const std::scoped_lock lock(mutex_);
      FUSTOR_CHECK(!read_done_, "two Receives at a time");
      read_done_ = done.resolver();
    }
    HandOver(this);
    StartRead(&read_buffer_);
    return done;
  }
  // Requested when the client has gone. REQUIRES: a stream.
  std::stop_token gone() const { return gone_.get_token(); }
  // REQUIRES: a Read has given true.
  std::string TakeMessage() { return TakeBytes(&read_buffer_); }
  // Resolves with true when the client has gone.
  void WatchCancel(env::Completion<bool>::Resolver resolve) {
    const std::scoped_lock lock(mutex_);
    if (cancelled_ || context_.IsCancelled()) {
      resolve(true);
    } else {
      cancel_watcher_ = std::move(resolve);
    }
  }

  void OnReadDone(bool ok) override {
    const Reaction reaction(this);
    if (unary_method_ != nullptr) {
      StartUnaryHandler(ok);
      return;
    }
    const std::scoped_lock lock(mutex_);
    if (read_done_) (*read_done_)(ok);
    read_done_.reset();
  }
  void OnWriteDone(bool ok) override {
    const Reaction reaction(this);
    const std::scoped_lock lock(mutex_);
    if (write_done_) (*write_done_)(ok);
    write_done_.reset();
  }
  void OnCancel() override {
    const Reaction reaction(this);
    MarkCancelled();
  }
  void OnDone() override {
    TakeOver(this);
    // The last use of gRPC's objects; what the handler still holds is only ours.
    --open_calls_;
    HandOver(&open_calls_);
    const std::shared_ptr<ServerCall> self = std::move(self_);
  }

 private:
  void MarkCancelled() {
    std::stop_source gone(std::nostopstate);
    {
      const std::scoped_lock lock(mutex_);
      cancelled_ = true;
      if (cancel_watcher_) (*cancel_watcher_)(true);
      cancel_watcher_.reset();
      gone = gone_;
    }
    gone.request_stop();  // Without the lock: it calls whoever waits for it.
  }

  void StartUnaryHandler(bool ok) {
    if (!ok) {
      End(Status(Code::kInvalidArgument, "the call has no request"));
      return;
    }
    unary_host_->executor.Post([this, self = self_, request = TakeMessage()]() mutable {
      Host& host = *unary_host_;
      host.tasks.Spawn(RunUnary(std::move(self), *unary_method_, std::move(request)));
    });
  }

  static env::Task<void> RunUnary(std::shared_ptr<ServerCall> call,
                                  const env::MethodTable::Method& method, std::string request) {
    Result<std::string> result = co_await method.unary(call->Describe(), std::move(request));
    if (result.ok() && result->size() > call->message_bytes_max_) result = TooLarge(result->size());
    if (!result.ok()) {
      call->End(result.status());
      co_return;
    }
    PutBytes(*std::move(result), &call->write_buffer_);
    HandOver(call.get());
    call->StartWriteAndFinish(&call->write_buffer_, ::grpc::WriteOptions(), ::grpc::Status::OK);
  }

  static env::Task<void> RunStream(std::shared_ptr<ServerCall> call,
                                   const env::MethodTable::Method& method);

  ::grpc::GenericCallbackServerContext& context_;
  std::atomic<int>& open_calls_;
  const std::size_t message_bytes_max_;
  Host* unary_host_ = nullptr;
  const env::MethodTable::Method* unary_method_ = nullptr;
  ByteBuffer write_buffer_;
  ByteBuffer read_buffer_;
  std::shared_ptr<ServerCall> self_;

  std::mutex mutex_;  // Guards what follows.
  bool cancelled_ = false;
  std::stop_source gone_{std::nostopstate};  // Of streams; constant once the handler runs.
  std::optional<env::Completion<bool>::Resolver> write_done_;
  std::optional<env::Completion<bool>::Resolver> read_done_;
  std::optional<env::Completion<bool>::Resolver> cancel_watcher_;
};

class ServerStream final : public env::Stream, public env::ClientWatch {
 public:
  ServerStream(std::shared_ptr<ServerCall> call, std::size_t message_bytes_max)
      : call_(std::move(call)), message_bytes_max_(message_bytes_max) {}

  env::Task<Status> Send(std::string message) override {
    if (message.size() > message_bytes_max_) co_return TooLarge(message.size());
    if (call_->cancelled()) co_return Gone();
    const env::Completion<bool> written = call_->Write(std::move(message));
    if (co_await written.Wait()) co_return Status();
    co_return Gone();
  }

  env::Task<Result<std::optional<std::string>>> Receive() override {
    if (call_->cancelled()) co_return Gone();
    if (!reads_over_) {
      const env::Completion<bool> read = call_->Read();
      const bool ok = co_await read.Wait();
      if (call_->cancelled()) co_return Gone();
      if (ok) co_return std::optional<std::string>(call_->TakeMessage());
      reads_over_ = true;
      if (co_await GoneWithin(kGoneGrace)) co_return Gone();
    }
    co_return std::optional<std::string>();
  }

  env::Task<Status> CloseSend() override {
    co_return Status(Code::kFailedPrecondition, "a server ends its stream by returning");
  }
  void Cancel() override { call_->Cancel(); }
  std::stop_token client_gone() const override { return call_->gone(); }

 private:
  static Status Gone() { return Status(Code::kCancelled, "the client has gone"); }

  env::Task<bool> GoneWithin(Nanos grace) {
    env::Executor& here = co_await env::ThisExecutor();
    env::Completion<bool> gone;
    call_->WatchCancel(gone.resolver());
    const env::Executor::TimerId timer =
        here.PostAt(here.clock().Now() + grace, [resolve = gone.resolver()] { resolve(false); });
    const bool result = co_await gone.Wait();
    here.CancelTimer(timer);
    co_return result;
  }

  const std::shared_ptr<ServerCall> call_;
  const std::size_t message_bytes_max_;
  bool reads_over_ = false;
};

env::Task<void> ServerCall::RunStream(std::shared_ptr<ServerCall> call,
                                      const env::MethodTable::Method& method) {
  ServerStream stream(call, call->message_bytes_max_);
  const Status status = co_await method.stream(call->Describe(), stream);
  call->End(status);
}

class Service final : public ::grpc::CallbackGenericService {
 public:
  Service(const env::MethodTable& methods, const ServerOptions& options)
      : methods_(methods),
        message_bytes_max_(options.message_bytes_max),
        calls_max_(options.calls_max) {
    for (const auto& [name, method] : methods.methods()) {
      std::unique_ptr<Host>& host = hosts_[method.executor];
      if (host == nullptr) host = std::make_unique<Host>(*method.executor);
    }
  }

  ::grpc::ServerGenericBidiReactor* CreateReactor(
      ::grpc::GenericCallbackServerContext* context) override {
    TakeOver(this);
    auto call = std::make_shared<ServerCall>(*context, open_calls_, message_bytes_max_);
    ServerCall* const reactor = call.get();
    reactor->HoldUntilDone(call);
    HandOver(reactor);
    const env::MethodTable::Method* method = methods_.Find(context->method());
    if (++open_calls_ > calls_max_) {
      reactor->End(Status(Code::kResourceExhausted, "too many calls are open"));
    } else if (method == nullptr) {
      reactor->End(Status(Code::kUnimplemented, "no method " + context->method()));
    } else if (method->unary) {
      reactor->StartUnary(*hosts_.at(method->executor), *method);
    } else {
      reactor->StartStream(*hosts_.at(method->executor), *method, std::move(call));
    }
    return reactor;
  }

  // REQUIRES: gRPC makes no more calls. Handlers that have answered may still be about to return.
  void WaitForHandlers() {
    TakeOver(&open_calls_);
    for (const auto& [executor, host] : hosts_) {
      bool running = true;
      while (running) {
        std::promise<bool> answer;
        executor->Post([&] { answer.set_value(host->tasks.running() != 0); });
        running = answer.get_future().get();
      }
    }
  }

 private:
  const env::MethodTable& methods_;
  const std::size_t message_bytes_max_;
  const int calls_max_;
  std::atomic<int> open_calls_{0};
  std::map<env::Executor*, std::unique_ptr<Host>> hosts_;  // Constant after construction.
};

std::string Address(const ServerOptions& options) {
  const bool v6 = options.host.find(':') != std::string::npos;
  return (v6 ? "[" + options.host + "]" : options.host) + ":" + std::to_string(options.port);
}

// gRPC only says that it could not listen; the kernel says why.
Status WhyNotListening(const ServerOptions& options) {
  const std::string doing = "listen on " + Address(options);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(options.host.c_str(), std::to_string(options.port).c_str(), &hints, &found);
  if (error != 0) return Status(Code::kInvalidArgument, gai_strerror(error)).Within(doing);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, &freeaddrinfo);
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int failed = fd < 0 ? errno : 0;
  if (fd >= 0) {
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0) failed = errno;
    close(fd);
  }
  // The port is free, so what remains is the credentials.
  if (failed == 0 && options.tls) {
    return Status(Code::kInvalidArgument, "the TLS texts cannot be used").Within(doing);
  }
  const Code code = failed == EADDRINUSE                  ? Code::kAlreadyExists
                    : failed == EACCES || failed == EPERM ? Code::kPermissionDenied
                    : failed == EADDRNOTAVAIL             ? Code::kInvalidArgument
                                                          : Code::kUnavailable;
  return Status(code, failed == 0 ? "refused" : std::generic_category().message(failed))
      .Within(doing);
}

std::shared_ptr<::grpc::ServerCredentials> Credentials(const std::optional<ServerTls>& tls) {
  if (!tls) return ::grpc::InsecureServerCredentials();
  ::grpc::SslServerCredentialsOptions options(
      tls->client_roots.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = tls->client_roots;
  options.pem_key_cert_pairs.push_back({tls->key, tls->certificate});
  return ::grpc::SslServerCredentials(options);
}

class GrpcServer final : public Server {
 public:
  GrpcServer(const env::MethodTable& methods, const ServerOptions& options)
      : service_(methods, options) {}
  ~GrpcServer() override { FUSTOR_CHECK(server_ == nullptr, "destroyed without Stop"); }

  Status Start(const ServerOptions& options) {
    const auto ms = [](Millis value) { return static_cast<int>(value.count()); };
    ::grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(Address(options), Credentials(options.tls), &port);
    builder.RegisterCallbackGenericService(&service_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes_max));
    builder.SetMaxSendMessageSize(static_cast<int>(options.message_bytes_max));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.streams_per_connection_max);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, ms(options.keepalive_interval));
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, ms(options.keepalive_timeout));
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    // Clients may probe as often as once a second without being taken for a flood.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
    HandOver(&service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      server_.reset();
      return WhyNotListening(options);
    }
    port_ = static_cast<std::uint16_t>(port);
    return Status();
  }

  std::uint16_t port() const override { return port_; }

  void Stop(Nanos grace) override {
    const std::scoped_lock lock(stop_mutex_);
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + grace);
    service_.WaitForHandlers();
    server_.reset();
  }

 private:
  Service service_;
  std::uint16_t port_ = 0;
  std::mutex stop_mutex_;
  std::unique_ptr<::grpc::Server> server_;
};

}  // namespace

Result<std::unique_ptr<Server>> StartServer(const env::MethodTable& methods,
                                            const ServerOptions& options) {
  PrepareLibrary();
  auto server = std::make_unique<GrpcServer>(methods, options);
  FUSTOR_TRY(server->Start(options));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace fustor::grpc
