#include "adapters/http/client.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "adapters/http/body.h"
#include "adapters/http/inbox.h"
#include "adapters/http/message.h"
#include "adapters/http/tls.h"
#include "adapters/http/wire.h"

namespace fustor::http {
namespace {

// One connection to the server. On the client's executor.
struct Session {
  Session(asio::ThreadExecutor& executor, const Url& url, std::shared_ptr<Tls> tls,
          const std::string& server_name)
      : wire(ClientWire(executor.context(), url.host, url.port, std::move(tls), server_name)),
        body(*wire, inbox, executor.clock()) {}
  ~Session() { wire->Abort(); }

  std::shared_ptr<Wire> wire;
  Inbox inbox;
  Body body;
  Instant idle_since;
  bool used_before = false;
};

// Cancels what is pending on a session when a time has come, or when somebody asks for it.
class Alarm {
 public:
  Alarm(env::Executor& executor, const std::shared_ptr<Session>& session, Instant when,
        std::stop_token stop = {})
      : executor_(executor), why_(std::make_shared<Code>(Code::kOk)) {
    const std::weak_ptr<Session> weak(session);
    timer_ = executor.PostAt(
        when, [why = why_, weak] { Ring(Code::kDeadlineExceeded, why.get(), weak); });
    // On any thread, so the work is done in a turn of its own.
    on_stop_.emplace(std::move(stop), [&executor, why = why_, weak] {
      executor.Post([why, weak] { Ring(Code::kCancelled, why.get(), weak); });
    });
  }
  Alarm(const Alarm&) = delete;
  ~Alarm() {
    on_stop_.reset();
    executor_.CancelTimer(timer_);
  }
  bool rang() const { return *why_ != Code::kOk; }
  // The failure of what was pending. `late`: in words, that it took too long. REQUIRES: rang().
  Status Why(const std::string& late) const {
    return *why_ == Code::kCancelled ? Status(Code::kCancelled, "the call was given up")
                                     : Status(Code::kDeadlineExceeded, late);
  }

 private:
  static void Ring(Code code, Code* why, const std::weak_ptr<Session>& weak) {
    if (*why != Code::kOk) return;
    *why = code;
    const std::shared_ptr<Session> still = weak.lock();
    if (still == nullptr) return;
    still->body.watch().expired = true;
    still->wire->Abort();
  }

  env::Executor& executor_;
  const std::shared_ptr<Code> why_;
  env::Executor::TimerId timer_ = 0;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

// What all tasks and streams of a client share; outlives each of them. On the client's executor.
struct Core {
  Core(asio::ThreadExecutor& client_executor, Url client_url, ClientOptions client_options,
       std::shared_ptr<Tls> client_tls)
      : executor(client_executor),
        url(std::move(client_url)),
        authority(url.Authority()),
        options(std::move(client_options)),
        tls(std::move(client_tls)) {}

  asio::ThreadExecutor& executor;
  const Url url;
  const std::string authority;
  const ClientOptions options;
  const std::shared_ptr<Tls> tls;
  std::vector<std::shared_ptr<Session>> idle;

  Instant Now() const { return executor.clock().Now(); }

  std::shared_ptr<Session> TakeIdle() {
    while (!idle.empty()) {
      std::shared_ptr<Session> session = std::move(idle.back());
      idle.pop_back();
      const bool fresh = Now() - session->idle_since < options.idle_timeout;
      if (fresh && session->inbox.empty() && !session->wire->PeerGone()) return session;
    }
    return nullptr;
  }
  void PutBack(std::shared_ptr<Session> session) {
    if (idle.size() >= options.idle_connections_max) return;
    session->idle_since = Now();
    session->used_before = true;
    idle.push_back(std::move(session));
  }

  Status Failed(Code code, const std::string& what) const {
    return Status(code, authority + ": " + what);
  }
  Status Failed(const Status& why) const { return Failed(why.code(), why.message()); }
};

bool MaySendTwice(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS";
}

std::string LostText(const Wire& wire) {
  const std::string& why = wire.failure();
  if (why == "Connection refused") return "connection refused: is it running?";
  if (why.empty()) return "the connection was closed without an answer";
  return why;
}

bool IsSafeValue(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

Status CheckRequest(const ClientRequest& request, std::string_view target) {
  const bool target_ok = target.starts_with('/') && std::ranges::none_of(target, [](char c) {
                           return static_cast<unsigned char>(c) <= ' ' || c == 127;
                         });
  if (!target_ok) return Status(Code::kInvalidArgument, "the target is not a path");
  if (!IsToken(request.method)) return Status(Code::kInvalidArgument, "bad method");
  for (const auto& [name, value] : request.headers.items()) {
    if (!IsToken(name) || !IsSafeValue(value)) {
      return Status(Code::kInvalidArgument, "a header cannot be sent as it is: " + name);
    }
  }
  return Status();
}

// The head of the request; codes the body.
std::string MakeHead(const Core& core, ClientRequest& request, std::string_view target) {
  std::string head = request.method + " " + std::string(target) +
                     " HTTP/1.1\r\nHost: " + core.url.HostHeader() + "\r\n";
  const auto add = [&head](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  for (const auto& [name, value] : request.headers.items()) add(name, value);
  if (!request.headers.Find("User-Agent")) add("User-Agent", core.options.user_agent);
  if (!request.headers.Find("Accept-Encoding")) add("Accept-Encoding", "zstd, gzip");
  if (request.body_coding != Coding::kIdentity && !request.body.empty()) {
    std::string coded;
    MakeEncoder(request.body_coding)->Encode(request.body, Encoder::Flush::kEnd, coded);
    request.body = std::move(coded);
    add("Content-Encoding", CodingName(request.body_coding));
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    add("Content-Length", std::to_string(request.body.size()));
  }
  head += "\r\n";
  return head;
}

env::Task<IoResult> WriteAll(Wire& wire, std::string_view head, std::string_view body) {
  Pieces pieces{head, body, std::string_view()};
  while (!pieces[0].empty() || !pieces[1].empty()) {
    const IoResult written = co_await wire.Write(pieces);
    if (written.error != IoError::kNone) co_return written;
    const std::size_t of_head = std::min(written.bytes, pieces[0].size());
    pieces[0].remove_prefix(of_head);
    pieces[1].remove_prefix(written.bytes - of_head);
  }
  co_return IoResult();
}

// Reads heads until one is not of the 1xx kind. `any_byte` says whether the server answered at all.
env::Task<Result<ResponseHead>> ReadHead(Session& session, std::size_t bytes_max, bool to_head,
                                         bool& any_byte) {
  for (;;) {
    std::size_t scanned = 0;
    std::size_t size = 0;
    while ((size = HeadSize(session.inbox.data(), scanned)) == 0) {
      const std::span<char> room = session.inbox.Room(bytes_max);
      if (room.empty())
        co_return Status(Code::kInvalidArgument, "the answer's header is too large");
      const IoResult read = co_await session.wire->Read(room);
      if (read.error != IoError::kNone)
        co_return Status(Code::kUnavailable, LostText(*session.wire));
      any_byte = true;
      session.inbox.Added(read.bytes);
    }
    Result<ResponseHead> head = ParseResponseHead(session.inbox.data().substr(0, size), to_head);
    if (!head.ok()) co_return head.status().Within("this is no HTTP answer");
    session.inbox.Consume(size);
    if (head->status >= 200 || head->status == 101) co_return head;
  }
}

struct Opened {
  std::shared_ptr<Session> session;
  ResponseHead head;
};

// Sends on `session` and reads the head of the answer.
env::Task<Result<Opened>> Exchange(Core& core, std::shared_ptr<Session> session,
                                   const std::string& head, const ClientRequest& request,
                                   std::size_t answer_bytes_max, bool& any_byte) {
  const IoResult written = co_await WriteAll(*session->wire, head, request.body);
  // A server that refuses a large body may answer before it has read it: look for the answer.
  if (written.error == IoError::kCancelled) co_return Status(Code::kUnavailable, "closed");
  Result<ResponseHead> answer = co_await ReadHead(*session, core.options.header_bytes_max,
                                                  request.method == "HEAD", any_byte);
  if (!answer.ok()) co_return answer.status();
  if (written.error != IoError::kNone) answer->keep_alive = false;
  Result<Coding> coding = ParseContentCoding(answer->headers.Find("Content-Encoding").value_or(""));
  // An unknown coding is the caller's, who must have asked for it.
  const BodyLimits limits{answer_bytes_max, Seconds(1'000'000'000), 1};
  session->body.Begin(answer->framing, coding.value_or(Coding::kIdentity), limits, nullptr);
  co_return Opened{std::move(session), std::move(*answer)};
}

env::Task<Result<std::shared_ptr<Session>>> Connect(Core& core, Instant deadline,
                                                    std::stop_token stop) {
  auto session =
      std::make_shared<Session>(core.executor, core.url, core.tls, core.options.server_name);
  const Alarm alarm(core.executor, session,
                    std::min(deadline, core.Now() + core.options.connect_timeout), std::move(stop));
  const IoResult connected = co_await session->wire->Connect();
  if (alarm.rang()) co_return alarm.Why("no connection in time");
  if (connected.error != IoError::kNone) {
    co_return Status(Code::kUnavailable, LostText(*session->wire));
  }
  co_return session;
}

// On the client's executor.
env::Task<Result<Opened>> OpenHere(Core& core, ClientRequest request, Instant deadline,
                                   std::size_t answer_bytes_max) {
  const std::string target = request.target.empty() ? core.url.target : request.target;
  const Status sendable = CheckRequest(request, target);
  if (!sendable.ok()) co_return core.Failed(sendable.code(), sendable.message());
  const std::string head = MakeHead(core, request, target);
  for (;;) {
    std::shared_ptr<Session> session = core.TakeIdle();
    if (session == nullptr) {
      Result<std::shared_ptr<Session>> connected = co_await Connect(core, deadline, request.stop);
      if (!connected.ok()) {
        co_return core.Failed(connected.status().code(), connected.status().message());
      }
      session = std::move(*connected);
    }
    const bool used_before = session->used_before;
    bool any_byte = false;
    const Alarm alarm(core.executor, session, deadline, request.stop);
    Result<Opened> opened =
        co_await Exchange(core, std::move(session), head, request, answer_bytes_max, any_byte);
    if (alarm.rang()) co_return core.Failed(alarm.Why("no answer in time"));
    if (opened.ok()) co_return opened;
    const bool stale = used_before && !any_byte && opened.status().code() == Code::kUnavailable;
    if (!stale || !MaySendTwice(request.method)) {
      co_return core.Failed(opened.status().code(), opened.status().message());
    }
  }
}

env::Task<Result<ClientResponse>> SendHere(std::shared_ptr<Core> core, ClientRequest request) {
  const Instant deadline = core->Now() + request.timeout;
  const std::size_t bytes_max = request.answer_bytes_max;
  const std::stop_token stop = request.stop;
  Result<Opened> opened = co_await OpenHere(*core, std::move(request), deadline, bytes_max);
  if (!opened.ok()) co_return opened.status();
  Session& session = *opened->session;
  const Alarm alarm(core->executor, opened->session, deadline, stop);
  Result<std::string> body = co_await session.body.ReadAll();
  if (!body.ok()) {
    if (alarm.rang()) co_return core->Failed(alarm.Why("no whole answer in time"));
    co_return core->Failed(body.status().code(), body.status().message());
  }
  ClientResponse response{opened->head.status, std::move(opened->head.headers), std::move(*body)};
  if (opened->head.keep_alive) core->PutBack(std::move(opened->session));
  co_return response;
}

class Stream final : public ClientStream {
 public:
  Stream(std::shared_ptr<Core> core, Opened opened, Nanos read_timeout)
      : core_(std::move(core)), opened_(std::move(opened)), read_timeout_(read_timeout) {}
  ~Stream() override {
    if (core_->executor.RunningHere()) return;
    // Sessions end where they live.
    core_->executor.Post([opened = std::move(opened_), core = std::move(core_)] {});
  }

  int status() const override { return opened_.head.status; }
  const Headers& headers() const override { return opened_.head.headers; }
  env::Task<Result<std::optional<std::string>>> ReadSome() override {
    auto reading = ReadHere();
    co_return co_await env::RunOn(core_->executor, std::move(reading));
  }

 private:
  env::Task<Result<std::optional<std::string>>> ReadHere() {
    if (opened_.session == nullptr) co_return std::optional<std::string>();
    const Alarm alarm(core_->executor, opened_.session, core_->Now() + read_timeout_);
    Result<std::optional<std::string>> piece = co_await opened_.session->body.ReadSome();
    if (!piece.ok()) {
      if (alarm.rang()) co_return core_->Failed(alarm.Why("no more data in time"));
      co_return core_->Failed(piece.status().code(), piece.status().message());
    }
    if (!piece->has_value() && opened_.head.keep_alive) core_->PutBack(opened_.session);
    if (!piece->has_value()) opened_.session.reset();
    co_return piece;
  }

  std::shared_ptr<Core> core_;
  Opened opened_;
  const Nanos read_timeout_;
};

env::Task<Result<std::unique_ptr<ClientStream>>> OpenStream(std::shared_ptr<Core> core,
                                                            ClientRequest request) {
  const Instant deadline = core->Now() + request.timeout;
  const Nanos read_timeout = request.read_timeout;
  Result<Opened> opened = co_await OpenHere(*core, std::move(request), deadline,
                                            std::numeric_limits<std::size_t>::max());
  if (!opened.ok()) co_return opened.status();
  co_return std::unique_ptr<ClientStream>(
      std::make_unique<Stream>(std::move(core), std::move(*opened), read_timeout));
}

class PooledClient final : public Client {
 public:
  explicit PooledClient(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~PooledClient() override {
    core_->executor.Post([core = std::move(core_)] { core->idle.clear(); });
  }

  env::Task<Result<ClientResponse>> Send(ClientRequest request) override {
    auto sending = SendHere(core_, std::move(request));
    co_return co_await env::RunOn(core_->executor, std::move(sending));
  }
  env::Task<Result<std::unique_ptr<ClientStream>>> Open(ClientRequest request) override {
    auto opening = OpenStream(core_, std::move(request));
    co_return co_await env::RunOn(core_->executor, std::move(opening));
  }
  const std::string& authority() const override { return core_->authority; }

 private:
  std::shared_ptr<Core> core_;
};

env::Task<Result<ClientResponse>> ReadPieces(
    Client* client, ClientRequest request,
    const std::function<bool(int, std::string_view)>* on_piece) {
  Result<std::unique_ptr<ClientStream>> stream = co_await client->Open(std::move(request));
  if (!stream.ok()) co_return stream.status();
  ClientResponse response{(*stream)->status(), (*stream)->headers(), ""};
  for (;;) {
    Result<std::optional<std::string>> piece = co_await (*stream)->ReadSome();
    if (!piece.ok()) co_return piece.status();
    if (!piece->has_value() || !(*on_piece)(response.status, **piece)) co_return response;
  }
}

}  // namespace

Result<std::unique_ptr<Client>> Client::For(asio::ThreadExecutor& executor, std::string_view url,
                                            ClientOptions options) {
  Result<Url> parsed = ParseUrl(url);
  if (!parsed.ok()) return parsed.status().Within(url);
  std::shared_ptr<Tls> tls;
  if (parsed->tls) {
    FUSTOR_TRY_ASSIGN(tls, Tls::ForClient({.ca_file = options.ca_file,
                                           .certificate_file = options.certificate_file,
                                           .key_file = options.key_file},
                                          options.verify));
  }
  return std::unique_ptr<Client>(std::make_unique<PooledClient>(
      std::make_shared<Core>(executor, std::move(*parsed), std::move(options), std::move(tls))));
}

Result<ClientResponse> Fetch(std::string_view url, ClientRequest request, ClientOptions options) {
  const auto executor = asio::StartThread("http-fetch");
  FUSTOR_TRY_ASSIGN(const auto client, Client::For(*executor, url, std::move(options)));
  return asio::BlockOn(*executor, client->Send(std::move(request)));
}

Result<ClientResponse> FetchPieces(std::string_view url, ClientRequest request,
                                   std::function<bool(int, std::string_view)> on_piece,
                                   ClientOptions options) {
  const auto executor = asio::StartThread("http-fetch");
  FUSTOR_TRY_ASSIGN(const auto client, Client::For(*executor, url, std::move(options)));
  return asio::BlockOn(*executor, ReadPieces(client.get(), std::move(request), &on_piece));
}

}  // namespace fustor::http
