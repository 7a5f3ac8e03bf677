#include <charconv>

#include "adapters/asio/executor.h"
#include "adapters/http/client.h"
#include "adapters/json/parse.h"
#include "apps/fustor/system.h"
#include "lib/http/text.h"

namespace fustor {
namespace {

// What a large view may take for one page of a search that finds little.
constexpr Nanos kTimeout = Seconds(120);

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
    request.timeout = kTimeout;
    Result<http::ClientResponse> response =
        asio::BlockOn(*executor_, http_->Send(std::move(request)));
    if (!response.ok()) return response.status();

    Reply reply;
    reply.status = response->status;
    const auto text = [&](std::string_view header) {
      return response->headers.Find(header).value_or("");
    };
    reply.freshness = text("X-Fustor-Freshness");
    const std::string_view retry = text("Retry-After");
    std::from_chars(retry.data(), retry.data() + retry.size(), reply.retry_after_s);
    Result<json::Value> body = json::Parse(response->body);
    if (!body.ok()) {
      return Status(Code::kInvalidArgument,
                    "the answer is not JSON (HTTP status " + std::to_string(reply.status) + ")");
    }
    reply.body = *std::move(body);
    return reply;
  }

 private:
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
