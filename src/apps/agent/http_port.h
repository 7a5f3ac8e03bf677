// http_port.h: adapters/http as the HTTP link of the agent wants it.
#pragma once

#include <memory>

#include "base/result.h"
#include "svc/agent/core/config.h"
#include "svc/agent/wire/http_port.h"

namespace fustor::agent {

// The ways to one Fusion, one for rows and one for everything else, on a thread of their own.
struct HttpPorts {
  std::unique_ptr<HttpPort> data;
  std::unique_ptr<HttpPort> control;
};
// Errors: kInvalidArgument (no URL), kNotFound, kInvalidArgument (a file of TLS).
Result<HttpPorts> OpenHttpPorts(const SenderConfig& sender);

}  // namespace fustor::agent
