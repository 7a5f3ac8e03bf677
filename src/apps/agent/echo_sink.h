// echo_sink.h: adapters/posix as the echo link of the agent wants it.
#pragma once

#include <memory>

#include "base/result.h"
#include "svc/agent/core/config.h"
#include "svc/agent/wire/echo_link.h"

namespace fustor::agent {

// The standard output without a uri, else the file of it. Errors: what opening says.
Result<std::unique_ptr<EchoSink>> OpenEchoSink(const SenderConfig& sender);

}  // namespace fustor::agent
