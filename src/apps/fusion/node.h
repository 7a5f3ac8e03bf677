// node.h: a Fusion with its threads and its open ports: what fustor-fusion and fustor up run.
//
// Threads: one for control, one for decoding what agents send, one for questions over gRPC, one for
// checkpoints (at nice 10), one per view, one HTTP loop per core, and gRPC's own. All functions are
// called from one thread that is none of these.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/asio/executor.h"
#include "adapters/grpc/server.h"
#include "adapters/http/server.h"
#include "adapters/posix/lock_file.h"
#include "adapters/prometheus/registry.h"
#include "base/log.h"
#include "env/file_streams.h"
#include "env/files.h"
#include "env/transport.h"
#include "lib/health/health.h"
#include "lib/http/http.h"
#include "lib/json/tape.h"
#include "svc/fusion/core/config.h"
#include "svc/fusion/flow/fusion.h"
#include "svc/fusion/wire/agent_service.h"
#include "svc/fusion/wire/management_routes.h"
#include "svc/fusion/wire/view_service.h"

namespace fustor::fusion {

class Node {
 public:
  struct Options {
    FusionConfig config;
    std::string version;
    // Whether GET /ready waits for every view to be ready. A Fusion that runs alone must take
    // sessions first, so there a view that is not ready only shows.
    bool ready_needs_views = false;
    // Where checkpoints go, unless the configuration says so; "": none are kept then.
    std::string checkpoint_folder = {};
    // As ManagementPorts::config.
    std::function<void(ConfigRequest, ManagementPorts::Answer)> on_config = {};
  };
  // Opens all ports, or none. `log` must outlive the node. Errors: kAlreadyExists (a port is in
  // use), and what else a configuration can get wrong; the message names the key.
  static Result<std::unique_ptr<Node>> Start(Options options, Logger log);
  // As Stop(0).
  ~Node();
  Node(const Node&) = delete;

  // Views, pipes and receivers change in place; a change of the management port is reported with
  // kFailedPrecondition and everything else takes effect. Errors: as Start; then what could be kept
  // is kept.
  Status Reload(const FusionConfig& config);
  // Ends sessions, then connections; requests that are under way may go on for `grace`.
  void Stop(Nanos grace);

  std::string url() const { return http_->url(); }
  // Of the management port.
  const http::Router& router() const { return router_; }
  // REQUIRES: the receiver is in the configuration and not disabled.
  std::uint16_t receiver_port(const std::string& receiver) const;
  // REQUIRES: the receiver speaks gRPC.
  const env::MethodTable& receiver_methods(const std::string& receiver) const;
  // REQUIRES: the receiver speaks HTTP.
  const http::Router& receiver_router(const std::string& receiver) const;
  Fusion& fusion() { return fusion_; }
  prometheus::Registry& metrics() { return *metrics_; }

 private:
  struct Receiver {
    ReceiverConfig config;
    // Of gRPC:
    std::unique_ptr<AgentService> agents;
    std::unique_ptr<ViewService> views;
    env::MethodTable methods;
    std::unique_ptr<grpc::Server> server;
    // Of HTTP:
    http::Router router;
    std::unique_ptr<http::Server> http;

    std::uint16_t port() const { return http != nullptr ? http->port() : server->port(); }
    void Stop(Nanos grace);
  };

  Node(Options options, Logger log);
  Status OpenHttp();
  Status SetReceivers(const FusionConfig& config);
  Result<std::unique_ptr<Receiver>> OpenReceiver(const std::string& id,
                                                 const ReceiverConfig& config);
  Status OpenGrpc(const std::string& id, Receiver* receiver);
  Status OpenHttpReceiver(const std::string& id, Receiver* receiver);
  // All that is served over HTTP. `receiver`: as for AddPipeRoutes.
  void AddRoutes(http::Router& router, const std::string& receiver);
  env::Executor& ShardExecutor(const std::string& view_id);
  std::optional<CheckpointPorts> OpenCheckpoints();
  health::Health MakeHealth() const;

  Options options_;
  const Logger log_;
  const std::unique_ptr<prometheus::Registry> metrics_;
  const std::unique_ptr<asio::ThreadExecutor> control_;
  const std::unique_ptr<asio::ThreadExecutor> ingest_;
  const std::unique_ptr<asio::ThreadExecutor> queries_;
  std::vector<std::unique_ptr<asio::ThreadExecutor>> shard_threads_;
  const std::unique_ptr<asio::ThreadExecutor> disk_;
  const std::unique_ptr<env::Files> files_;
  const std::unique_ptr<env::FileStreams> streams_;
  std::optional<posix::LockFile> checkpoint_lock_;
  Status checkpoints_off_;  // Why none are kept though they should be.
  const std::shared_ptr<json::TapeParser> control_parser_;
  const std::shared_ptr<json::TapeParser> ingest_parser_;
  Fusion fusion_;
  std::map<std::string, std::unique_ptr<Receiver>> receivers_;
  http::Router router_;
  std::unique_ptr<http::Server> http_;
  bool stopped_ = false;
};

}  // namespace fustor::fusion
