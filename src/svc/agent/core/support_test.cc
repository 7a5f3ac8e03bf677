#include "svc/agent/core/support.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fustor::agent {
namespace {

using testing::HasSubstr;

AgentConfig With(const SenderConfig& sender) {
  AgentConfig config;
  config.sources["s"].uri = "/data";
  config.senders["x"] = sender;
  config.pipes["p"].source = "s";
  config.pipes["p"].sender = "x";
  return config;
}

TEST(Support, SendersAreReachedByWhatTheirDriverSpeaks) {
  using Driver = SenderConfig::Driver;
  SenderTls shown;
  shown.certificate_file = "c";
  SenderTls named;
  named.server_name = "n";
  const struct {
    Driver driver;
    std::string uri;
    std::optional<SenderTls> tls;
    std::string refusal;  // Empty: none.
  } cases[] = {
      {Driver::kGrpc, "fusion:8103", {}, ""},
      {Driver::kGrpc, "fusion:8103", shown, ""},
      {Driver::kGrpc, "http://fusion:8102", {}, "senders.x.uri: expected HOST:PORT"},
      {Driver::kHttp, "http://fusion:8102", {}, ""},
      {Driver::kHttp, "https://fusion:8102/base", SenderTls(), ""},
      {Driver::kHttp, "https://fusion", {}, ""},
      {Driver::kHttp, "fusion:8102", {}, "senders.x.uri: expected http://HOST:PORT"},
      {Driver::kHttp, "http://fusion", SenderTls(), "senders.x.tls: the uri must begin with https"},
      {Driver::kHttp, "https://fusion", shown, ""},
      {Driver::kHttp, "https://fusion", named, ""},
      {Driver::kEcho, "", {}, ""},
      {Driver::kEcho, "file:///var/tmp/seen", {}, ""},
      {Driver::kEcho, "/var/tmp/seen", {}, "senders.x.uri: expected file:///PATH"},
  };
  for (const auto& c : cases) {
    SenderConfig sender;
    sender.driver = c.driver;
    sender.uri = c.uri;
    sender.tls = c.tls;
    const Status status = CheckSupport(With(sender)).status;
    EXPECT_EQ(status.ok(), c.refusal.empty()) << c.uri << status.ToString();
    EXPECT_THAT(status.message(), HasSubstr(c.refusal));
  }
}

}  // namespace
}  // namespace fustor::agent
