#include "adapters/grpc/channel.h"

#include <grpc/grpc.h>
#include <grpc/support/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "adapters/grpc/convert.h"
#include "adapters/grpc/handoff.h"
#include "base/check.h"

namespace fustor::grpc {
namespace {

using ::grpc::ByteBuffer;

// How many calls of a channel still hold gRPC's objects. gRPC's channel must not die on one of its
// own threads (it would join itself), so ours waits for this to reach zero.
class LiveCalls {
 public:
  class Token {
   public:
    explicit Token(std::shared_ptr<LiveCalls> calls) : calls_(std::move(calls)) { calls_->Add(1); }
    Token(const Token&) = delete;
    ~Token() { calls_->Add(-1); }

   private:
    std::shared_ptr<LiveCalls> calls_;
  };
  void WaitForNone() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return live_ == 0; });
  }

 private:
  void Add(int n) {
    const std::scoped_lock lock(mutex_);
    live_ += n;
    if (live_ == 0) none_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable none_;
  int live_ = 0;
};

Status Cancelled() { return Status(Code::kCancelled, "the call was cancelled"); }

// Refuses what cannot be started and fills in the rest.
Status Prepare(const env::CallOptions& options, Instant now, ::grpc::ClientContext* context) {
  if (options.stop.stop_requested()) return Cancelled();
  if (options.deadline <= now) {
    return Status(Code::kDeadlineExceeded, "the deadline of the call has passed");
  }
  FUSTOR_TRY(CheckMetadata(options.metadata));
  for (const auto& [key, value] : options.metadata) context->AddMetadata(key, value);
  if (options.deadline != Instant::Max()) {
    const Nanos left = options.deadline - now;
    context->set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                       gpr_time_from_nanos(left.count(), GPR_TIMESPAN)));
  }
  return Status();
}

struct UnaryCall {
  UnaryCall(std::shared_ptr<LiveCalls> calls, std::string bytes) : token(std::move(calls)) {
    PutBytes(std::move(bytes), &request);
  }
  LiveCalls::Token token;  // First: released after all that belongs to gRPC.
  ::grpc::ClientContext context;
  ByteBuffer request;
  ByteBuffer response;
};

// One stream as gRPC sees it. Lives until both the ClientStream and gRPC are done with it. All
// functions but the On... reactions and Cancel are called on the stream's executor: there, nothing
// is started after the hold has been removed.
class ClientCall final : public ::grpc::ClientBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  explicit ClientCall(std::shared_ptr<LiveCalls> calls) : token_(std::move(calls)) {}

  ::grpc::ClientContext& context() { return context_; }

  void Start(::grpc::GenericStub& stub, const std::string& method,
             std::shared_ptr<ClientCall> self) {
    self_ = std::move(self);
    stub.PrepareBidiStreamingCall(&context_, method, {}, this);
    AddHold();
    HandOver(this);
    StartCall();
  }

  // Thread-safe.
  void Cancel() {
    {
      const std::scoped_lock lock(mutex_);
      cancelled_ = true;
    }
    context_.TryCancel();
  }
  bool cancelled() {
    const std::scoped_lock lock(mutex_);
    return cancelled_;
  }

  bool released() const { return released_; }
  // Lets the call end; nothing may be started afterwards. The messages that have already come are
  // kept for Pop. Idempotent.
  void Release() {
    if (released_) return;
    released_ = true;
    bool start_read = false;
    {
      const std::scoped_lock lock(mutex_);
      draining_ = true;
      start_read = !reading_ && !reads_over_;
      if (start_read) reading_ = true;
    }
    HandOver(this);
    if (start_read) StartRead(&read_buffer_);
    RemoveHold();
  }

  // The completions give false when the call has broken or ended.
  env::Completion<bool> Write(std::string message) {
    env::Completion<bool> done = BeginWrite();
    PutBytes(std::move(message), &write_buffer_);
    HandOver(this);
    StartWrite(&write_buffer_);
    return done;
  }
  env::Completion<bool> CloseWrites() {
    env::Completion<bool> done = BeginWrite();
    HandOver(this);
    StartWritesDone();
    return done;
  }
  env::Completion<bool> Read() {
    env::Completion<bool> done;
    {
      const std::scoped_lock lock(mutex_);
      FUSTOR_CHECK(!reading_, "two Receives at a time");
      reading_ = true;
      read_done_ = done.resolver();
    }
    HandOver(this);
    StartRead(&read_buffer_);
    return done;
  }
  std::optional<std::string> Pop() {
    const std::scoped_lock lock(mutex_);
    if (inbox_.empty()) return std::nullopt;
    std::optional<std::string> message = std::move(inbox_.front());
    inbox_.pop_front();
    return message;
  }

  // How the call ended. REQUIRES: released.
  static env::Task<Status> Final(std::shared_ptr<ClientCall> call) {
    env::Completion<bool> done;
    if (!call->AwaitFinal(done.resolver())) co_await done.Wait();
    const std::scoped_lock lock(call->mutex_);
    co_return call->cancelled_ ? Cancelled() : *call->final_;
  }

  void OnWriteDone(bool ok) override { EndWrite(ok); }
  void OnWritesDoneDone(bool ok) override { EndWrite(ok); }
  void OnReadDone(bool ok) override {
    const Reaction reaction(this);
    bool again = false;
    {
      const std::scoped_lock lock(mutex_);
      if (ok) {
        inbox_.push_back(TakeBytes(&read_buffer_));
      } else {
        reads_over_ = true;
      }
      again = ok && draining_;
      reading_ = again;
      if (read_done_) (*read_done_)(ok);
      read_done_.reset();
    }
    if (!again) return;
    HandOver(this);
    StartRead(&read_buffer_);
  }
  void OnDone(const ::grpc::Status& status) override {
    TakeOver(this);
    std::shared_ptr<ClientCall> self;
    const std::scoped_lock lock(mutex_);
    // Released after the lock: declared before it.
    self = std::move(self_);
    final_ = FromGrpc(status);
    for (const auto& waiter : final_waiters_) waiter(true);
    final_waiters_.clear();
  }

 private:
  env::Completion<bool> BeginWrite() {
    env::Completion<bool> done;
    const std::scoped_lock lock(mutex_);
    FUSTOR_CHECK(!write_done_, "two Sends at a time");
    write_done_ = done.resolver();
    return done;
  }
  void EndWrite(bool ok) {
    const Reaction reaction(this);
    const std::scoped_lock lock(mutex_);
    if (write_done_) (*write_done_)(ok);
    write_done_.reset();
  }
  bool AwaitFinal(env::Completion<bool>::Resolver waiter) {
    const std::scoped_lock lock(mutex_);
    if (final_) return true;
    final_waiters_.push_back(std::move(waiter));
    return false;
  }

  LiveCalls::Token token_;  // First: released after all that belongs to gRPC.
  ::grpc::ClientContext context_;
  ByteBuffer write_buffer_;
  ByteBuffer read_buffer_;
  bool released_ = false;

  std::mutex mutex_;  // Guards what follows.
  std::shared_ptr<ClientCall> self_;
  bool cancelled_ = false;
  bool reading_ = false;
  bool reads_over_ = false;
  bool draining_ = false;
  std::deque<std::string> inbox_;
  std::optional<env::Completion<bool>::Resolver> write_done_;
  std::optional<env::Completion<bool>::Resolver> read_done_;
  std::optional<Status> final_;
  std::vector<env::Completion<bool>::Resolver> final_waiters_;
};

class ClientStream final : public env::Stream {
 public:
  ClientStream(std::shared_ptr<ClientCall> call, std::size_t message_bytes_max,
               const std::stop_token& stop)
      : call_(std::move(call)),
        message_bytes_max_(message_bytes_max),
        on_stop_(stop, Canceller{call_}) {}
  ~ClientStream() override {
    call_->Cancel();
    call_->Release();
  }

  env::Task<Status> Send(std::string message) override {
    if (message.size() > message_bytes_max_) co_return TooLarge(message.size());
    if (call_->cancelled()) co_return Cancelled();
    if (closed_) co_return Status(Code::kFailedPrecondition, "the stream was closed for sending");
    const std::shared_ptr<ClientCall> call = call_;
    if (!call->released()) {
      const env::Completion<bool> written = call->Write(std::move(message));
      if (co_await written.Wait()) co_return Status();
    }
    co_return co_await EndForSender(call);
  }

  env::Task<Result<std::optional<std::string>>> Receive() override {
    if (call_->cancelled()) co_return Cancelled();
    const std::shared_ptr<ClientCall> call = call_;
    std::optional<std::string> message = call->Pop();
    if (message) co_return message;
    if (!call->released()) {
      const env::Completion<bool> read = call->Read();
      if (co_await read.Wait()) co_return call->Pop();
      call->Release();
    }
    const Status end = co_await ClientCall::Final(call);
    message = call->Pop();  // What came while the call was ending.
    if (message && end.code() != Code::kCancelled) co_return message;
    if (!end.ok()) co_return end;
    co_return std::optional<std::string>();
  }

  env::Task<Status> CloseSend() override {
    if (call_->cancelled()) co_return Cancelled();
    if (closed_) co_return Status();
    const std::shared_ptr<ClientCall> call = call_;
    if (!call->released()) {
      closed_ = true;
      const env::Completion<bool> closed = call->CloseWrites();
      if (co_await closed.Wait()) co_return Status();
    }
    co_return co_await EndForSender(call);
  }

  void Cancel() override { call_->Cancel(); }

 private:
  struct Canceller {
    std::weak_ptr<ClientCall> call;
    void operator()() const {
      if (const auto alive = call.lock()) alive->Cancel();
    }
  };

  static env::Task<Status> EndForSender(std::shared_ptr<ClientCall> call) {
    call->Release();
    Status end = co_await ClientCall::Final(call);
    if (end.ok()) end = Status(Code::kUnavailable, "the server has ended the stream");
    co_return end;
  }

  const std::shared_ptr<ClientCall> call_;
  const std::size_t message_bytes_max_;
  bool closed_ = false;
  const std::stop_callback<Canceller> on_stop_;
};

std::shared_ptr<::grpc::ChannelCredentials> Credentials(const std::optional<ClientTls>& tls) {
  if (!tls) return ::grpc::InsecureChannelCredentials();
  ::grpc::SslCredentialsOptions options;
  options.pem_root_certs = tls->roots;
  options.pem_cert_chain = tls->certificate;
  options.pem_private_key = tls->key;
  return ::grpc::SslCredentials(options);
}

::grpc::ChannelArguments Arguments(const ChannelOptions& options) {
  ::grpc::ChannelArguments arguments;
  const auto set = [&](const char* name, Millis value) {
    arguments.SetInt(name, static_cast<int>(value.count()));
  };
  const int bytes = static_cast<int>(options.message_bytes_max);
  arguments.SetMaxReceiveMessageSize(bytes);
  arguments.SetMaxSendMessageSize(bytes);
  set(GRPC_ARG_KEEPALIVE_TIME_MS, options.keepalive_interval);
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, options.keepalive_timeout);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  set(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, Millis(200));
  set(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, Millis(5000));
  set(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, options.connect_timeout);
  set(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, Millis(1000));
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  if (options.tls && !options.tls->server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls->server_name);
  }
  return arguments;
}

class GrpcChannel final : public env::Channel {
 public:
  explicit GrpcChannel(const ChannelOptions& options)
      : message_bytes_max_(options.message_bytes_max),
        stub_(::grpc::CreateCustomChannel(options.address, Credentials(options.tls),
                                          Arguments(options))) {}
  ~GrpcChannel() override { calls_->WaitForNone(); }

  env::Task<Result<std::string>> Call(std::string method, std::string request,
                                      env::CallOptions options) override {
    env::Executor& here = co_await env::ThisExecutor();
    if (request.size() > message_bytes_max_) co_return TooLarge(request.size());
    auto call = std::make_shared<UnaryCall>(calls_, std::move(request));
    FUSTOR_CO_TRY(Prepare(options, here.clock().Now(), &call->context));
    env::Completion<Result<std::string>> done;
    HandOver(call.get());
    stub_.UnaryCall(&call->context, method, {}, &call->request, &call->response,
                    [call, resolve = done.resolver()](::grpc::Status status) mutable {
                      TakeOver(call.get());
                      if (status.ok()) {
                        resolve(TakeBytes(&call->response));
                      } else {
                        resolve(FromGrpc(status));
                      }
                      call.reset();
                    });
    const std::stop_callback on_stop(options.stop, [call] { call->context.TryCancel(); });
    Result<std::string> result = co_await done.Wait();
    if (options.stop.stop_requested() && !result.ok()) co_return Cancelled();
    co_return result;
  }

  env::Task<Result<std::unique_ptr<env::Stream>>> Open(std::string method,
                                                       env::CallOptions options) override {
    env::Executor& here = co_await env::ThisExecutor();
    auto call = std::make_shared<ClientCall>(calls_);
    FUSTOR_CO_TRY(Prepare(options, here.clock().Now(), &call->context()));
    call->Start(stub_, method, call);
    std::unique_ptr<env::Stream> stream =
        std::make_unique<ClientStream>(std::move(call), message_bytes_max_, options.stop);
    co_return stream;
  }

 private:
  const std::size_t message_bytes_max_;
  const std::shared_ptr<LiveCalls> calls_ = std::make_shared<LiveCalls>();
  ::grpc::GenericStub stub_;
};

}  // namespace

std::unique_ptr<env::Channel> MakeChannel(const ChannelOptions& options) {
  PrepareLibrary();
  return std::make_unique<GrpcChannel>(options);
}

}  // namespace fustor::grpc
