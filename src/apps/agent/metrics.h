// metrics.h: what an agent does, as numbers for Prometheus and as health.
//
// Show is for one thread at a time; the registry is thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/metrics.h"
#include "base/time.h"
#include "lib/health/health.h"
#include "svc/agent/flow/agent.h"

namespace fustor::agent {

class Metrics {
 public:
  explicit Metrics(MetricRegistry& registry) : registry_(registry) {}
  // Brings the numbers up to `state`. Those of a pipe that has gone become 0, its counters stay.
  void Show(const AgentState& state);

 private:
  void Gauge(const std::string& pipe, const char* name, const char* help, std::uint64_t value);
  void Count(const std::string& pipe, const char* name, const char* help, std::uint64_t value);

  MetricRegistry& registry_;
  // What a counter of ours said last: it begins anew with a new pipe.
  std::map<std::pair<std::string, std::string>, std::uint64_t> last_;
  std::map<std::string, bool> pipes_;  // By id; false: gone.
};

// `age`: how long ago the data thread told `state`. Ready: every pipe has a session.
health::Health MakeHealth(const std::string& version, const AgentState& state, Nanos age,
                          WallTime now);

}  // namespace fustor::agent
