#include <charconv>

#include "adapters/asio/executor.h"
#include "adapters/http/client.h"
#include "adapters/json/parse.h"
#include "apps/fustor/system.h"
#include "env/task_group.h"
#include "lib/http/text.h"

namespace fustor {
namespace {

// What a large view may take for one page of a search that finds little.
constexpr Nanos kTimeout = Seconds(120);
// Fusion sends something every 15 seconds.
constexpr Nanos kEventsTimeout = Seconds(60);
constexpr std::size_t kErrorBytesMax = 1 << 20;

bool IsThisMachine(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

class HttpFusion final : public client::Fusion {
 public:
  HttpFusion(std::unique_ptr<asio::ThreadExecutor> executor, std::unique_ptr<http::Client> http,
             const http::Url& url, std::string key)
      : executor_(std::move(executor)),
        http_(std::move(http)),
        base_(url.target == "/" ? "" : url.target),
        local_(IsThisMachine(url.host)),
        key_(std::move(key)) {
    while (base_.ends_with('/')) base_.pop_back();
  }

  Result<Reply> Get(const std::string& path, const Query& query) override {
    return Send(MakeRequest(path, query));
  }

  Result<Reply> Post(const std::string& path, const Query& query) override {
    http::ClientRequest request = MakeRequest(path, query);
    request.method = "POST";
    return Send(std::move(request));
  }

  Result<Reply> Download(const std::string& path, const Query& query,
                         const std::function<bool(std::string_view)>& on_piece) override {
    return asio::BlockOn(*executor_, ReadPieces(MakeRequest(path, query), on_piece));
  }

  void Follow(const std::vector<client::EventFollower*>& followers) override {
    asio::BlockOn(*executor_, FollowAll(followers));
  }

 private:
  Result<Reply> Send(http::ClientRequest request) {
    request.timeout = kTimeout;
    Result<http::ClientResponse> response =
        asio::BlockOn(*executor_, http_->Send(std::move(request)));
    if (!response.ok()) return response.status();
    return MakeReply(response->status, response->headers, response->body);
  }

  http::ClientRequest MakeRequest(const std::string& path, const Query& query) const {
    http::ClientRequest request;
    request.target = base_ + http::PercentEncode(path, true);
    char separator = '?';
    for (const auto& [name, value] : query) {
      request.target += separator + http::PercentEncode(name) + "=" + http::PercentEncode(value);
      separator = '&';
    }
    if (!key_.empty()) request.headers.Add("X-API-Key", key_);
    // Compressing costs more than loopback.
    if (local_) request.headers.Add("Accept-Encoding", "identity");
    return request;
  }

  static Result<Reply> MakeReply(int status, const http::Headers& headers,
                                 const std::string& body) {
    Reply reply;
    reply.status = status;
    const auto text = [&](std::string_view header) { return headers.Find(header).value_or(""); };
    reply.freshness = text("X-Fustor-Freshness");
    const std::string_view retry = text("Retry-After");
    std::from_chars(retry.data(), retry.data() + retry.size(), reply.retry_after_s);
    Result<json::Value> parsed = json::Parse(body);
    if (!parsed.ok()) {
      return Status(Code::kInvalidArgument,
                    "the answer is not JSON (HTTP status " + std::to_string(reply.status) + ")");
    }
    reply.body = *std::move(parsed);
    return reply;
  }

  env::Task<Result<Reply>> ReadPieces(http::ClientRequest request,
                                      const std::function<bool(std::string_view)>& on_piece) {
    request.timeout = kTimeout;
    request.read_timeout = kTimeout;
    const Result<std::unique_ptr<http::ClientStream>> opened =
        co_await http_->Open(std::move(request));
    if (!opened.ok()) co_return opened.status();
    http::ClientStream& stream = **opened;
    std::string body;
    for (;;) {
      const Result<std::optional<std::string>> piece = co_await stream.ReadSome();
      if (!piece.ok()) co_return Status(Code::kDataLoss, piece.status().message());
      if (!*piece) break;
      if (stream.status() != 200) {
        body += **piece;
        if (body.size() > kErrorBytesMax) break;
      } else if (!on_piece(**piece)) {
        co_return Status(Code::kCancelled, "that is enough");
      }
    }
    co_return MakeReply(stream.status(), stream.headers(), stream.status() == 200 ? "null" : body);
  }

  env::Task<void> FollowAll(std::vector<client::EventFollower*> followers) {
    env::TaskGroup tasks(*executor_);
    for (client::EventFollower* follower : followers) tasks.Spawn(FollowOne(follower));
    co_await tasks.Join();
  }

  env::Task<void> FollowOne(client::EventFollower* follower) {
    for (;;) {
      const std::optional<Result<Reply>> how = co_await ReadEvents(follower);
      if (!how) co_return;
      const std::optional<Nanos> pause = follower->OnEnd(*how);
      if (!pause) co_return;
      (void)co_await env::SleepFor(*pause, {});
    }
  }

  // nullopt: the follower has had enough.
  env::Task<std::optional<Result<Reply>>> ReadEvents(client::EventFollower* follower) {
    const client::EventFollower::Request ask = follower->Ask();
    http::ClientRequest request = MakeRequest(ask.path, ask.query);
    request.headers.Add("Accept", "text/event-stream");
    if (!ask.last_event_id.empty()) request.headers.Add("Last-Event-ID", ask.last_event_id);
    request.read_timeout = kEventsTimeout;
    const Result<std::unique_ptr<http::ClientStream>> opened =
        co_await http_->Open(std::move(request));
    if (!opened.ok()) co_return Result<Reply>(opened.status());
    http::ClientStream& stream = **opened;
    std::string body;
    for (;;) {
      const Result<std::optional<std::string>> piece = co_await stream.ReadSome();
      if (!piece.ok()) co_return Result<Reply>(piece.status());
      if (!*piece) break;
      if (stream.status() != 200) {
        body += **piece;
        if (body.size() > kErrorBytesMax) break;
      } else if (!follower->OnPiece(**piece)) {
        co_return std::nullopt;
      }
    }
    co_return MakeReply(stream.status(), stream.headers(), stream.status() == 200 ? "{}" : body);
  }

  const std::unique_ptr<asio::ThreadExecutor> executor_;
  const std::unique_ptr<http::Client> http_;
  std::string base_;
  const bool local_;
  const std::string key_;
};

}  // namespace

Result<std::unique_ptr<client::Fusion>> ConnectFusion(const std::string& url,
                                                      const std::string& key) {
  FUSTOR_TRY_ASSIGN(const http::Url parsed, http::ParseUrl(url));
  std::unique_ptr<asio::ThreadExecutor> executor = asio::StartThread("http");
  FUSTOR_TRY_ASSIGN(std::unique_ptr<http::Client> http, http::Client::For(*executor, url));
  return std::unique_ptr<client::Fusion>(
      new HttpFusion(std::move(executor), std::move(http), parsed, key));
}

}  // namespace fustor
