// server.h: serves a Router over HTTP/1.1 sockets, plain or TLS.
//
// One thread with one event loop per core; a connection belongs to one loop, and its handlers run
// there as tasks, one at a time per connection, in order of the requests. Several servers (say, a
// management and a receiver port) may share a router and a registry. Start and Stop are called from
// outside the loops; the rest is thread-safe.
//
// Everything is bounded; what happens when a bound is met:
//   connections         503 and closed (with TLS only closed); counted
//   header size         431, or 414 when the first line alone is too long; closed
//   body size           413 before the handler when Content-Length says so; else
//                       kResourceExhausted from the reader, and 413 unless the handler answers
//   header, body time   408 and closed (silently when not a byte came)
//   slow readers        handlers wait in Write; without progress for write_timeout, or below
//                       bytes_per_second_min in the long run, the connection is cut
//   descriptors         accepting pauses; counted and logged
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"
#include "env/task.h"
#include "lib/http/http.h"

namespace fustor::http {

struct ServerOptions {
  std::string name = "http";  // In logs, metrics (label "server") and thread names.
  std::string address =
      "127.0.0.1";         // An address of this machine, or "0.0.0.0", "::", "localhost".
  std::uint16_t port = 0;  // 0: any that is free.
  unsigned threads = 0;    // 0: one per core.
  std::size_t header_bytes_max = 32 << 10;
  std::size_t connections_max = 20'000;
  Nanos header_timeout = Seconds(10);  // From the first byte, or from accepting, to the last.
  Nanos body_timeout = Seconds(30);    // All waiting for a body; more for long ones, see below.
  Nanos write_timeout = Seconds(30);   // Without the client taking a byte.
  Nanos keep_alive_timeout = Seconds(75);
  Nanos linger_timeout = Seconds(2);         // For the client to read a last answer and close.
  std::uint64_t bytes_per_second_min = 256;  // In both directions, beyond the timeouts.
  // PEM files; both or none. With them the server speaks TLS only, 1.2 or newer.
  std::string certificate_file = {};
  std::string key_file = {};
  // Runs before every handler. False: it has answered, and the handler does not run.
  std::function<env::Task<bool>(Request&, ResponseWriter&)> before = {};
};

class Server {
 public:
  // Listens and serves. REQUIRES: router and metrics (and the logger's sink) outlive the server.
  // Errors: kAlreadyExists (the port is in use), kPermissionDenied (a port below 1024),
  // kInvalidArgument (no such address here; certificate or key unusable), kNotFound (certificate or
  // key file missing). The message says what to do.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, const Router& router,
                                               MetricRegistry& metrics, Logger logger);
  // As Stop(0).
  virtual ~Server() = default;

  virtual std::uint16_t port() const = 0;
  // "http://127.0.0.1:8101", for messages.
  virtual std::string url() const = 0;
  // Reads the certificate files again; connections from now on use them. Errors: as for Start; the
  // old certificate stays. kFailedPrecondition without TLS.
  virtual Result<void> ReloadCertificate() = 0;
  // Stops accepting, closes idle connections, lets running requests end up to `grace`, then closes
  // what is left: Request::gone is requested, Write fails. Returns when the last handler has
  // returned: services end their own waits first, or heed `gone`. Idempotent.
  virtual void Stop(Nanos grace) = 0;
};

}  // namespace fustor::http
