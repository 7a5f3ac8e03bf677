// client_gone.h: what a handler may learn at once about the client of its stream.
//
// A transport that knows when a client has gone away lets its server streams implement ClientWatch;
// with the others Send and Receive tell it, as transport.h says. Thread-safe.
#pragma once

#include <stop_token>

#include "env/transport.h"

namespace fustor::env {

class ClientWatch {
 public:
  virtual ~ClientWatch() = default;
  // Requested, on any thread, when the client has gone or the call was cancelled.
  virtual std::stop_token client_gone() const = 0;
};

// Of the stream that a handler was given; a token that is never requested where nobody knows.
inline std::stop_token ClientGone(const Stream& stream) {
  const auto* watch = dynamic_cast<const ClientWatch*>(&stream);
  return watch == nullptr ? std::stop_token() : watch->client_gone();
}

}  // namespace fustor::env
