// channel.h: the client side of env/transport.h over gRPC.
//
// A channel keeps one connection of its own, shared with no other channel, so that control calls on
// one do not wait behind the data of another. It connects at the first call and again after
// failures, with a back-off of 0.2 s growing to 5 s; while there is no connection, calls fail at
// once with kUnavailable and the reason. Nothing is retried here. Messages are sent without
// copying; received ones are copied once. What env/transport.h leaves open: Open returns before the
// server has answered, so that a failure to connect or an unknown method shows at the first Send or
// Receive; a stream is used on the executor on which it was opened. Metadata that HTTP/2 cannot
// carry is kInvalidArgument; values of keys that end in "-bin" may be any bytes.
//
// Including this library turns gRPC's fork handlers off: the process must not fork without exec.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "env/transport.h"

namespace fustor::grpc {

// PEM texts.
struct ClientTls {
  std::string roots;        // Whom to trust. Empty: the system's list.
  std::string certificate;  // With `key`: shown to servers that ask who the client is.
  std::string key;
  std::string server_name;  // Expected in the server's certificate instead of the address.
};

struct ChannelOptions {
  std::string address;           // "fusion.example:8103", "10.0.0.7:8103", "[::1]:8103"
  std::optional<ClientTls> tls;  // Absent: plain text.
  // Larger ones are kResourceExhausted: a sent one alone, a received one with its call.
  std::size_t message_bytes_max = std::size_t{64} << 20;
  // A connection on which nothing comes back for interval + timeout is dead.
  Millis keepalive_interval{20'000};
  Millis keepalive_timeout{10'000};
  Millis connect_timeout{10'000};
};

// Thread-safe. Destroying it blocks for the moment that cancelled calls need to end. REQUIRES: then
// no task of it runs, its streams are destroyed, and it is not called from a gRPC thread.
std::unique_ptr<env::Channel> MakeChannel(const ChannelOptions& options);

}  // namespace fustor::grpc
