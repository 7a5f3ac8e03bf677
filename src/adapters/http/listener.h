// listener.h: a listening socket on an event loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "adapters/asio/executor.h"
#include "base/result.h"

namespace fustor::http {

class Listener {
 public:
  // On the loop, for each connection: its descriptor, which the callee takes over, and its peer as
  // "127.0.0.1:40022" or "[::1]:40022".
  using OnAccept = std::function<void(int fd, std::string peer)>;
  // On the loop, when there is no descriptor left (EMFILE and the like); accepting pauses a little.
  using OnExhausted = std::function<void(const std::string& what)>;

  virtual ~Listener() = default;

  // Bound and listening, not accepting yet. Called from anywhere.
  // Errors: kAlreadyExists, kPermissionDenied, kInvalidArgument; see Server::Start.
  static Result<std::unique_ptr<Listener>> Open(asio::ThreadExecutor& loop,
                                                const std::string& address, std::uint16_t port);

  virtual std::uint16_t port() const = 0;
  // Both on the loop.
  virtual void Accept(OnAccept on_accept, OnExhausted on_exhausted) = 0;
  virtual void Close() = 0;
};

}  // namespace fustor::http
