#include "apps/process/ops_routes.h"

#include <string>
#include <utility>

#include "lib/http/answers.h"

namespace fustor::process {
namespace {

using HealthSource = std::function<health::Health()>;

env::Task<void> AnswerHealth(const HealthSource& source, http::ResponseWriter& writer) {
  const health::Health health = source();
  (void)co_await http::SendJson(writer, health.live() ? 200 : 503, health.HealthJson());
}

env::Task<void> AnswerReady(const HealthSource& source, http::ResponseWriter& writer) {
  const health::Health health = source();
  (void)co_await http::SendJson(writer, health.ready() ? 200 : 503, health.ReadyJson());
}

env::Task<void> AnswerMetrics(prometheus::Registry& registry, http::ResponseWriter& writer) {
  http::Headers headers;
  headers.Add("Content-Type", std::string(prometheus::kContentType));
  (void)co_await writer.Send(200, std::move(headers), registry.Scrape());
}

}  // namespace

void AddOpsRoutes(http::Router& router, prometheus::Registry& registry,
                  std::function<health::Health()> health) {
  router.Add("GET", "/health", [health](http::Request&, http::ResponseWriter& writer) {
    return AnswerHealth(health, writer);
  });
  router.Add("GET", "/ready", [health](http::Request&, http::ResponseWriter& writer) {
    return AnswerReady(health, writer);
  });
  router.Add("GET", "/metrics", [&registry](http::Request&, http::ResponseWriter& writer) {
    return AnswerMetrics(registry, writer);
  });
}

}  // namespace fustor::process
