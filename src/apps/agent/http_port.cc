#include "apps/agent/http_port.h"

#include <charconv>
#include <utility>

#include "adapters/asio/executor.h"
#include "adapters/http/client.h"
#include "lib/http/text.h"

namespace fustor::agent {
namespace {

// What an answer to an agent may hold: many commands at most.
constexpr std::size_t kAnswerBytesMax = 4 << 20;

class ClientPort final : public HttpPort {
 public:
  ClientPort(std::shared_ptr<asio::ThreadExecutor> executor, std::unique_ptr<http::Client> client,
             std::string base)
      : executor_(std::move(executor)), client_(std::move(client)), base_(std::move(base)) {}

  env::Task<Result<HttpReply>> Call(HttpCall call) override {
    http::ClientRequest request;
    request.method = std::move(call.method);
    request.target = base_ + call.target;
    if (!call.key.empty()) request.headers.Add("X-API-Key", std::move(call.key));
    if (!call.body.empty()) request.headers.Add("Content-Type", "application/json");
    request.headers.Add("Accept-Encoding", "identity");
    request.body = std::move(call.body);
    request.timeout = call.timeout;
    request.answer_bytes_max = kAnswerBytesMax;
    request.stop = std::move(call.stop);
    Result<http::ClientResponse> response = co_await client_->Send(std::move(request));
    if (!response.ok()) co_return response.status();
    HttpReply reply;
    reply.status = response->status;
    const std::string_view retry = response->headers.Find("Retry-After").value_or("");
    std::from_chars(retry.data(), retry.data() + retry.size(), reply.retry_after_s);
    reply.body = std::move(response->body);
    co_return reply;
  }

 private:
  const std::shared_ptr<asio::ThreadExecutor> executor_;
  const std::unique_ptr<http::Client> client_;
  const std::string base_;
};

}  // namespace

Result<HttpPorts> OpenHttpPorts(const SenderConfig& sender) {
  FUSTOR_TRY_ASSIGN(const http::Url url, http::ParseUrl(sender.uri));
  std::string base = url.target;
  while (base.ends_with('/')) base.pop_back();
  http::ClientOptions options;
  options.user_agent = "fustor-agent";
  if (sender.tls) {
    options.ca_file = sender.tls->ca_file;
    options.certificate_file = sender.tls->certificate_file;
    options.key_file = sender.tls->private_key_file;
    options.server_name = sender.tls->server_name;
  }
  const std::shared_ptr<asio::ThreadExecutor> executor = asio::StartThread("agent-http");
  const auto open = [&]() -> Result<std::unique_ptr<HttpPort>> {
    FUSTOR_TRY_ASSIGN(std::unique_ptr<http::Client> client,
                      http::Client::For(*executor, sender.uri, options));
    return std::unique_ptr<HttpPort>(
        std::make_unique<ClientPort>(executor, std::move(client), base));
  };
  HttpPorts ports;
  FUSTOR_TRY_ASSIGN(ports.data, open());
  FUSTOR_TRY_ASSIGN(ports.control, open());
  return ports;
}

}  // namespace fustor::agent
