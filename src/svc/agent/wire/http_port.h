// http_port.h: what the HTTP link needs of an HTTP client, in the agent's words.
#pragma once

#include <stop_token>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "env/task.h"

namespace fustor::agent {

struct HttpCall {
  std::string method;
  std::string target;  // "/api/v1/...": below the URL of the sender.
  std::string key;     // X-API-Key. A secret: never in an error.
  std::string body;    // JSON, or empty.
  Nanos timeout{0};
  std::stop_token stop;
};

struct HttpReply {
  int status = 0;
  int retry_after_s = 0;  // 0: it did not say.
  std::string body;
};

// One server. The implementation keeps connections and says what HTTP wants said.
class HttpPort {
 public:
  virtual ~HttpPort() = default;
  // Any status is a reply. Errors: kUnavailable, kDeadlineExceeded, kInvalidArgument (no HTTP),
  // kCancelled (stop was requested).
  virtual env::Task<Result<HttpReply>> Call(HttpCall call) = 0;
};

}  // namespace fustor::agent
