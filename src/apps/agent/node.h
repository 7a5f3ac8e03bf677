// node.h: an agent with its threads and its port for operators: what fustor-agent runs.
//
// Threads: one for data, one for control calls (heartbeats), one HTTP loop, those of each tree and
// gRPC's own. All functions are called from one thread that is none of these.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/asio/executor.h"
#include "adapters/http/server.h"
#include "adapters/prometheus/registry.h"
#include "apps/agent/metrics.h"
#include "base/log.h"
#include "env/published.h"
#include "env/task_group.h"
#include "lib/health/health.h"
#include "lib/http/http.h"
#include "svc/agent/core/config.h"
#include "svc/agent/flow/agent.h"

namespace fustor::agent {

class Node {
 public:
  struct Options {
    AgentConfig config;
    std::string version;
    // Agent::Ports::on_command; called on the data thread.
    std::function<void(batch::Command)> on_command = {};
  };
  // `log` must outlive the node. Errors: what CheckSupport refuses; kAlreadyExists and others of
  // http::Server::Start when the configuration names a port. Without one the agent runs all the
  // same when the default port is taken, and says so.
  static Result<std::unique_ptr<Node>> Start(Options options, Logger log);
  // As Stop.
  ~Node();
  Node(const Node&) = delete;

  // Errors: what CheckSupport refuses, then nothing changes; kFailedPrecondition when host or port
  // differ, which take effect with the next start, and everything else now.
  Status Reload(const AgentConfig& config);
  // As Agent's.
  Status StopPipe(const std::string& id);
  void TellConfig(batch::ConfigReport report);
  // Closes the sessions, at most 3 s for a Fusion that does not answer, and ends the threads.
  // Idempotent.
  void Stop();

  // "http://127.0.0.1:8104"; empty when there is no port.
  std::string url() const { return http_ == nullptr ? "" : http_->url(); }
  // As of half a second ago at most, while the data thread goes on. Thread-safe.
  AgentState state() const { return published_.Get()->state; }

 private:
  struct Seen {
    AgentState state;
    Instant at;
  };

  Node(Options options, Logger log);
  Status OpenHttp();
  Agent::Ports MakePorts();
  env::Task<Status> StartOnData();
  env::Task<bool> StopOnData();
  env::Task<bool> TellOnData(batch::ConfigReport report);
  env::Task<void> Publish();
  void PublishNow();

  Options options_;
  const Logger log_;
  const std::unique_ptr<prometheus::Registry> registry_;
  Metrics metrics_;
  env::Published<Seen> published_;
  const std::unique_ptr<asio::ThreadExecutor> data_;
  const std::unique_ptr<asio::ThreadExecutor> control_;
  Agent agent_;
  env::TaskGroup tasks_;
  http::Router router_;
  std::unique_ptr<http::Server> http_;
  bool stopped_ = false;
};

}  // namespace fustor::agent
