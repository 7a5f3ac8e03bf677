// network.h: hosts that call each other, over connections that are late, break and are cut.
//
// A host reaches another one over one connection, as a gRPC channel does. What is promised is what
// TCP promises: messages of one stream arrive in order and once, or the stream breaks. Different
// calls overtake each other. A connection that breaks fails everything on it, each side when it
// learns of it; a call that fails may have happened. During a partition nothing passes and nobody
// is told; what is short enough is only late.
//
// Faults come by LinkQuality (by chance, from the world's seed) and by the calls below.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/transport.h"
#include "sim/world.h"

namespace fustor::sim {

struct LinkQuality {
  Nanos delay_min = Micros(30);
  Nanos delay_max = Micros(500);
  // One message in so many is late by up to late_max (sent again, a full queue). 0: none.
  std::uint64_t late_one_in = 200;
  Nanos late_max = Millis(400);
  std::uint64_t bytes_per_second = 100'000'000;
  // One message in so many breaks the connection. 0: none.
  std::uint64_t break_one_in = 0;
  // Who hears nothing for so long (a partition) gives the connection up.
  Nanos silence_max = Seconds(20);
};

struct NetworkLimits {
  std::size_t unread_bytes_max = std::size_t{1} << 20;    // In each direction of each stream.
  std::size_t message_bytes_max = std::size_t{64} << 20;  // Larger: kResourceExhausted.
};

class Network;

namespace internal {
class Route;
class Conversation;
struct ServerState;
}  // namespace internal

// A process that serves a method table under a host's name.
class Server {
 public:
  Server(Network& network, std::string host, const env::MethodTable& methods);
  // REQUIRES: Stop has ended, or Crash was called.
  ~Server();
  Server(const Server&) = delete;

  // Refuses new calls, ends the streams (the clients get kUnavailable), and returns when the last
  // handler has ended. REQUIRES: called once, not by a handler.
  env::Task<void> Stop();
  // The process is gone where it stands: every handler's frame is destroyed.
  void Crash();

 private:
  Network& network_;
  const std::string host_;
  const std::shared_ptr<internal::ServerState> state_;
};

class Network {
 public:
  Network(World& world, LinkQuality quality, NetworkLimits limits = {});
  ~Network();
  Network(const Network&) = delete;

  // A way from one host to the server of another, which need not be there (kUnavailable then).
  // Two hosts may keep several connections: each lane is one. The channel must not outlive the
  // network.
  std::unique_ptr<env::Channel> Connect(const std::string& from, const std::string& to,
                                        const std::string& lane = "");

  void SetQuality(const LinkQuality& quality);
  // Breaks a connection between the two: what is under way is lost.
  void Break(const std::string& from, const std::string& to, const std::string& lane = "");
  // Nothing passes between the two, in either direction, for so long.
  void Partition(const std::string& from, const std::string& to, Nanos duration);

  struct Counters {
    std::uint64_t messages = 0;
    std::uint64_t breaks = 0;
    std::uint64_t partitions = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  friend class Server;
  friend class internal::Route;
  struct Ends {
    std::string from;
    std::string to;
    std::string lane;
    auto operator<=>(const Ends&) const = default;
  };
  std::shared_ptr<internal::Route> RouteOf(const Ends& ends);

  World& world_;
  LinkQuality quality_;
  const NetworkLimits limits_;
  Prng prng_;
  Counters counters_;
  std::map<Ends, std::shared_ptr<internal::Route>> routes_;
  std::map<std::string, std::shared_ptr<internal::ServerState>> servers_;
};

}  // namespace fustor::sim
