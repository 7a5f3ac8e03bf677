#include "svc/fusion/wire/openapi.h"

#include <memory>
#include <string>
#include <utility>

namespace fustor::fusion {
namespace {

env::Task<void> Answer(http::AnswerStore::Body text, http::ResponseWriter& writer) {
  http::Headers headers;
  headers.Add("Content-Type", "application/vnd.oai.openapi+json;version=3.1");
  (void)co_await writer.SendShared(200, std::move(headers), std::move(text));
}

}  // namespace

void AddOpenApiRoute(http::Router& router) {
  const auto text = std::make_shared<const std::string>(OpenApiText());
  router.Add("GET", "/openapi.json",
             [text](http::Request&, http::ResponseWriter& writer) { return Answer(text, writer); });
}

}  // namespace fustor::fusion
