// server.h: serves an env::MethodTable over gRPC.
//
// Each handler runs on the executor that its method names; gRPC's own threads only move bytes. A
// stream has at most one read and one write under way, so what a slow handler holds back is bounded
// by HTTP/2's flow control. When the client cancels, disconnects or its deadline passes, Send and
// Receive fail with kCancelled; a unary handler runs to its end. Thread-safe.
//
// Limits: a message over message_bytes_max ends its call with kResourceExhausted; streams above
// streams_per_connection_max wait in the client; calls above calls_max are refused with
// kResourceExhausted. Metadata is limited to 16 KiB.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "env/transport.h"

namespace fustor::grpc {

// PEM texts.
struct ServerTls {
  std::string certificate;  // The chain, the server's own first.
  std::string key;
  std::string client_roots;  // Not empty: clients must show a certificate signed by one of these.
};

struct ServerOptions {
  std::string host = "127.0.0.1";  // An address to listen on; "::" and "0.0.0.0" are all.
  std::uint16_t port = 0;          // 0: any free port.
  std::optional<ServerTls> tls;    // Absent: plain text.
  std::size_t message_bytes_max = std::size_t{64} << 20;
  int streams_per_connection_max = 256;
  int calls_max = 16'384;
  // Idle connections are probed after this long, and closed when no answer comes in time.
  Millis keepalive_interval{60'000};
  Millis keepalive_timeout{20'000};
};

class Server {
 public:
  virtual ~Server() = default;  // REQUIRES: Stop has returned.
  virtual std::uint16_t port() const = 0;
  // Takes no more calls, lets the open ones end for `grace`, then cancels them; blocks until the
  // last handler has ended. Idempotent. REQUIRES: not called on a handler's executor, and the
  // executors still run.
  virtual void Stop(Nanos grace) = 0;
};

// REQUIRES: the table and its executors outlive the server.
// Errors: kAlreadyExists (the port is in use), kPermissionDenied, kInvalidArgument (the address is
// not this machine's; TLS texts that cannot be used), kUnavailable (other reasons).
Result<std::unique_ptr<Server>> StartServer(const env::MethodTable& methods,
                                            const ServerOptions& options);

}  // namespace fustor::grpc
