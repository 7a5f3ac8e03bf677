#include "apps/agent/node.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "adapters/grpc/channel.h"
#include "adapters/json/tape.h"
#include "adapters/posix/files.h"
#include "adapters/posix/random.h"
#include "adapters/posix/tree.h"
#include "adapters/zstd/zstd.h"
#include "apps/agent/http_port.h"
#include "apps/process/ops_routes.h"
#include "svc/agent/core/support.h"
#include "svc/agent/wire/grpc_link.h"
#include "svc/agent/wire/http_link.h"

namespace fustor::agent {
namespace {

constexpr Nanos kPublishEvery = Millis(500);
// Listing waits for disks and servers more than for processors.
constexpr unsigned kScanWorkersMin = 4;
constexpr std::size_t kPemBytesMax = 1 << 20;

posix::TreeOptions TreeOptionsOf(const SourceConfig& source) {
  posix::TreeOptions options;
  options.threads = static_cast<unsigned>(source.scan_workers);
  if (options.threads == 0) {
    options.threads = std::max(kScanWorkersMin, std::thread::hardware_concurrency());
  }
  options.one_file_system = source.one_file_system;
  options.metadata_ops_per_second = static_cast<std::uint64_t>(source.metadata_ops_per_second_max);
  options.watches_max = static_cast<std::uint64_t>(source.watches_max);
  return options;
}

// An empty name is an empty text.
Result<std::string> ReadPem(const std::string& file) {
  if (file.empty()) return std::string();
  return posix::OpenFiles()->Read(file, kPemBytesMax);
}

Result<grpc::ClientTls> ReadTls(const SenderTls& config) {
  grpc::ClientTls tls;
  FUSTOR_TRY_ASSIGN(tls.roots, ReadPem(config.ca_file));
  FUSTOR_TRY_ASSIGN(tls.certificate, ReadPem(config.certificate_file));
  FUSTOR_TRY_ASSIGN(tls.key, ReadPem(config.private_key_file));
  tls.server_name = config.server_name;
  return tls;
}

Result<std::unique_ptr<FusionLink>> MakeHttpLink(const SenderConfig& sender) {
  FUSTOR_TRY_ASSIGN(HttpPorts ports, OpenHttpPorts(sender));
  HttpLink::Options options;
  options.key = sender.key;
  options.call_timeout = sender.timeout;
  options.push_timeout = std::max(sender.timeout, HttpLink::Options().push_timeout);
  return std::unique_ptr<FusionLink>(std::make_unique<HttpLink>(
      std::move(options), std::move(ports.data), std::move(ports.control), json::MakeTapeParser(),
      json::MakeTapeParser()));
}

Result<std::unique_ptr<FusionLink>> MakeLink(const SenderConfig& sender) {
  if (sender.driver == SenderConfig::Driver::kHttp) return MakeHttpLink(sender);
  grpc::ChannelOptions channel;
  channel.address = sender.uri;
  if (sender.tls) {
    Result<grpc::ClientTls> tls = ReadTls(*sender.tls);
    if (!tls.ok()) return tls.status().Within("tls");
    channel.tls = *std::move(tls);
  }
  GrpcLink::Options options;
  options.key = sender.key;
  options.call_timeout = sender.timeout;
  std::unique_ptr<FusionLink> link =
      std::make_unique<GrpcLink>(std::move(options), grpc::MakeChannel(channel),
                                 grpc::MakeChannel(channel), zstd::MakeCompressor());
  return link;
}

}  // namespace

Node::Node(Options options, Logger log)
    : options_(std::move(options)),
      log_(std::move(log)),
      registry_(prometheus::NewRegistry()),
      metrics_(*registry_),
      published_(std::make_shared<Seen>(AgentState{}, asio::SystemClock().Now())),
      data_(asio::StartThread("agent-data")),
      control_(asio::StartThread("agent-control")),
      agent_(*data_, *control_, MakePorts(), posix::SystemRandom().Next(), log_),
      tasks_(*data_) {}

Node::~Node() { Stop(); }

Agent::Ports Node::MakePorts() {
  Agent::Ports ports;
  ports.open_tree = [this](const SourceConfig& source) {
    return posix::OpenTree(source.uri, TreeOptionsOf(source), log_);
  };
  ports.open_link = MakeLink;
  ports.on_command = options_.on_command;
  return ports;
}

Result<std::unique_ptr<Node>> Node::Start(Options options, Logger log) {
  std::unique_ptr<Node> node(new Node(std::move(options), std::move(log)));
  FUSTOR_TRY(CheckSupport(node->options_.config).status);
  FUSTOR_TRY(node->OpenHttp());
  FUSTOR_TRY(asio::BlockOn(*node->data_, node->StartOnData()));
  return node;
}

Status Node::OpenHttp() {
  process::AddOpsRoutes(router_, *registry_, [this] {
    const std::shared_ptr<const Seen> seen = published_.Get();
    const env::Clock& clock = asio::SystemClock();
    return MakeHealth(options_.version, seen->state, clock.Now() - seen->at, clock.WallNow());
  });
  registry_->OnScrape([this] { metrics_.Show(published_.Get()->state); });
  http::ServerOptions server;
  server.name = "operator";
  server.address = options_.config.host;
  server.port = options_.config.port.value_or(kDefaultPort);
  server.threads = 1;
  const std::uint16_t port = server.port;
  Result<std::unique_ptr<http::Server>> started =
      http::Server::Start(std::move(server), router_, *registry_, log_);
  if (started.ok()) {
    http_ = *std::move(started);
    return {};
  }
  if (options_.config.port || started.status().code() != Code::kAlreadyExists) {
    return started.status().Within("host, port");
  }
  log_.Warn("the default port is taken: no /health and /metrics; set 'port'", {{"port", port}});
  return {};
}

env::Task<Status> Node::StartOnData() {
  FUSTOR_CO_TRY(agent_.Start(options_.config));
  tasks_.Spawn(Publish());
  co_return Status();
}

void Node::PublishNow() {
  published_.Set(std::make_shared<Seen>(agent_.state(), data_->clock().Now()));
}

env::Task<void> Node::Publish() {
  for (;;) {
    PublishNow();
    const Status slept = co_await env::SleepFor(kPublishEvery, tasks_.stop_token());
    if (!slept.ok()) co_return;
  }
}

Status Node::Reload(const AgentConfig& config) {
  FUSTOR_TRY(asio::BlockOn(*data_, agent_.Reload(config)));
  const AgentConfig& old = options_.config;
  if (config.host == old.host && config.port == old.port) return {};
  return {Code::kFailedPrecondition,
          "host, port: they change with the next start; everything else is in effect"};
}

Status Node::StopPipe(const std::string& id) { return asio::BlockOn(*data_, agent_.StopPipe(id)); }

env::Task<bool> Node::TellOnData(batch::ConfigReport report) {
  agent_.TellConfig(std::move(report));
  co_return true;
}

void Node::TellConfig(batch::ConfigReport report) {
  asio::BlockOn(*data_, TellOnData(std::move(report)));
}

env::Task<bool> Node::StopOnData() {
  tasks_.RequestStop();
  co_await tasks_.Join();
  co_await agent_.Stop();
  co_return true;
}

void Node::Stop() {
  if (std::exchange(stopped_, true)) return;
  asio::BlockOn(*data_, StopOnData());
  if (http_ != nullptr) http_->Stop(Nanos(0));
  control_->Stop();
  data_->Stop();
}

}  // namespace fustor::agent
