#include "apps/fusion/node.h"

#include <algorithm>
#include <utility>

#include "adapters/json/tape.h"
#include "adapters/posix/file_streams.h"
#include "adapters/posix/files.h"
#include "adapters/posix/random.h"
#include "adapters/yaml/parse.h"
#include "adapters/zstd/zstd.h"
#include "apps/process/ops_routes.h"
#include "lib/config/redact.h"
#include "svc/fusion/wire/openapi.h"
#include "svc/fusion/wire/pipe_routes.h"
#include "svc/fusion/wire/views.h"

namespace fustor::fusion {
namespace {

constexpr std::size_t kPemBytesMax = 1 << 20;

env::Task<Status> ConfigureTask(Fusion& fusion, const FusionConfig& config) {
  co_return fusion.Configure(config);
}

bool SameDoor(const ReceiverConfig& a, const ReceiverConfig& b) {
  const auto files = [](const ReceiverConfig& c) {
    return c.tls ? std::pair(c.tls->certificate_file, c.tls->private_key_file)
                 : std::pair<std::string, std::string>();
  };
  return a.driver == b.driver && a.bind_host == b.bind_host && a.port == b.port &&
         files(a) == files(b);
}

Result<grpc::ServerTls> ReadTls(const TlsConfig& config) {
  const std::unique_ptr<env::Files> files = posix::OpenFiles();
  Result<std::string> certificate = files->Read(config.certificate_file, kPemBytesMax);
  if (!certificate.ok()) return certificate.status().Within("tls");
  Result<std::string> key = files->Read(config.private_key_file, kPemBytesMax);
  if (!key.ok()) return key.status().Within("tls");
  return grpc::ServerTls{*std::move(certificate), *std::move(key), {}};
}

// What cannot be read cannot be shown: nobody knows where its secrets are.
std::string Redacted(const std::string& text) {
  const Result<config::Node> root = yaml::Parse(text, "config");
  return root.ok() ? config::RedactedYaml(*root) : "# not readable as YAML\n";
}

ViewRoutesOptions RouteOptions(const FusionConfig& config) {
  ViewRoutesOptions options;
  for (const auto& [id, view] : config.views) {
    if (!view.disabled) options.max_response_items = view.response_items_max;
  }
  for (const auto& [id, view] : config.views) {
    if (view.disabled) continue;
    options.max_response_items = std::min(options.max_response_items, view.response_items_max);
  }
  options.make_compressor = [] { return zstd::MakeCompressor(); };
  return options;
}

// Only when something is wrong: what goes well is in the metrics.
void AddCheckpointHealth(const View& view, WallTime now, health::Health* health) {
  const std::shared_ptr<const CheckpointStatus> status = view.checkpoints();
  if (status == nullptr || status->error.empty()) return;
  const std::string name = "checkpoint:" + view.id();
  std::string text = "the last one could not be written: " + status->error;
  text += status->last_written_at ? "; there is one of " + FormatUtc(*status->last_written_at)
                                  : std::string("; there is none");
  health->Add(name, health::Matters::kInforms, status->failed_at.value_or(now));
  health->Set(name, health::State::kDegraded, text, now);
}

}  // namespace

Node::Node(Options options, Logger log)
    : options_(std::move(options)),
      log_(std::move(log)),
      metrics_(prometheus::NewRegistry()),
      control_(asio::StartThread("fusion-control")),
      ingest_(asio::StartThread("fusion-ingest")),
      queries_(asio::StartThread("fusion-query")),
      disk_(asio::StartThread("fusion-disk")),
      files_(posix::OpenFiles()),
      streams_(posix::OpenFileStreams()),
      control_parser_(json::MakeTapeParser()),
      ingest_parser_(json::MakeTapeParser()),
      fusion_({*control_,
               [this](const std::string& id) -> env::Executor& { return ShardExecutor(id); },
               posix::SystemRandom(), *metrics_, log_, OpenCheckpoints()}) {
  fusion_.sessions().SetRedact(&Redacted);
}

Node::~Node() { Stop(Nanos(0)); }

std::optional<CheckpointPorts> Node::OpenCheckpoints() {
  std::string folder = options_.config.checkpoint_dir;
  if (folder.empty()) folder = options_.checkpoint_folder;
  if (folder.empty()) return std::nullopt;
  disk_->Post([] { posix::RunInBackground(); });
  const Result<void> made = files_->MakeDirectories(folder, 0700);
  Result<posix::LockFile> lock =
      made.ok() ? posix::LockFile::Take(folder + "/lock") : Result<posix::LockFile>(made.status());
  if (!lock.ok()) {
    checkpoints_off_ = lock.status();
    log_.Error("no checkpoints are kept",
               {{"folder", folder}, {"error", checkpoints_off_.message()}});
    return std::nullopt;
  }
  checkpoint_lock_ = *std::move(lock);
  return CheckpointPorts{*disk_, *files_, *streams_, std::move(folder)};
}

env::Executor& Node::ShardExecutor(const std::string& view_id) {
  return *shard_threads_.emplace_back(asio::StartThread("view-" + view_id));
}

Result<std::unique_ptr<Node>> Node::Start(Options options, Logger log) {
  std::unique_ptr<Node> node(new Node(std::move(options), std::move(log)));
  FUSTOR_TRY(asio::BlockOn(*node->control_, ConfigureTask(node->fusion_, node->options_.config)));
  FUSTOR_TRY(node->SetReceivers(node->options_.config));
  FUSTOR_TRY(node->OpenHttp());
  return node;
}

void Node::Receiver::Stop(Nanos grace) {
  if (server != nullptr) server->Stop(grace);
  if (http != nullptr) http->Stop(grace);
}

void Node::AddRoutes(http::Router& router, const std::string& receiver) {
  AddViewRoutes(router, fusion_, RouteOptions(options_.config), asio::SystemClock());
  AddPipeRoutes(router, receiver,
                {fusion_.sessions(), fusion_, *control_, *ingest_, control_parser_, ingest_parser_,
                 *metrics_, log_});
  process::AddOpsRoutes(router, *metrics_, [this] { return MakeHealth(); });
  AddOpenApiRoute(router);
}

Status Node::OpenHttp() {
  AddRoutes(router_, "");
  AddManagementRoutes(router_, {fusion_.sessions(), fusion_, *control_, control_parser_,
                                options_.on_config, options_.version, log_});
  http::ServerOptions server;
  server.name = "management";
  server.address = options_.config.host;
  server.port = options_.config.port;
  if (options_.config.tls) {
    server.certificate_file = options_.config.tls->certificate_file;
    server.key_file = options_.config.tls->private_key_file;
  }
  FUSTOR_TRY_ASSIGN(http_, http::Server::Start(std::move(server), router_, *metrics_, log_));
  return {};
}

Result<std::unique_ptr<Node::Receiver>> Node::OpenReceiver(const std::string& id,
                                                           const ReceiverConfig& config) {
  auto receiver = std::make_unique<Receiver>();
  receiver->config = config;
  const bool is_http = config.driver == ReceiverConfig::Driver::kHttp;
  const Status opened =
      is_http ? OpenHttpReceiver(id, receiver.get()) : OpenGrpc(id, receiver.get());
  if (!opened.ok()) return opened.Within("receivers." + id);
  return receiver;
}

Status Node::OpenGrpc(const std::string& id, Receiver* receiver) {
  const ReceiverConfig& config = receiver->config;
  receiver->agents = std::make_unique<AgentService>(id, fusion_.sessions(), *control_, *ingest_,
                                                    zstd::MakeCompressor(), *metrics_, log_);
  receiver->agents->AddMethods(&receiver->methods);
  receiver->views = std::make_unique<ViewService>(fusion_, *queries_, asio::SystemClock());
  receiver->views->AddMethods(&receiver->methods);
  grpc::ServerOptions server;
  server.host = config.bind_host;
  server.port = config.port;
  if (config.tls) {
    FUSTOR_TRY_ASSIGN(server.tls, ReadTls(*config.tls));
  }
  FUSTOR_TRY_ASSIGN(receiver->server, grpc::StartServer(receiver->methods, server));
  return {};
}

Status Node::OpenHttpReceiver(const std::string& id, Receiver* receiver) {
  const ReceiverConfig& config = receiver->config;
  AddRoutes(receiver->router, id);
  http::ServerOptions server;
  server.name = id;
  server.address = config.bind_host;
  server.port = config.port;
  if (config.tls) {
    server.certificate_file = config.tls->certificate_file;
    server.key_file = config.tls->private_key_file;
  }
  FUSTOR_TRY_ASSIGN(receiver->http,
                    http::Server::Start(std::move(server), receiver->router, *metrics_, log_));
  return {};
}

Status Node::SetReceivers(const FusionConfig& config) {
  for (auto it = receivers_.begin(); it != receivers_.end();) {
    const auto wanted = config.receivers.find(it->first);
    const bool keep = wanted != config.receivers.end() && !wanted->second.disabled &&
                      SameDoor(wanted->second, it->second->config);
    if (keep) {
      ++it;
      continue;
    }
    it->second->Stop(Nanos(0));
    it = receivers_.erase(it);
  }
  for (const auto& [id, receiver] : config.receivers) {
    if (receiver.disabled || receivers_.contains(id)) continue;
    FUSTOR_TRY_ASSIGN(std::unique_ptr<Receiver> opened, OpenReceiver(id, receiver));
    log_.Info("receiver open", {{"receiver", id}, {"port", opened->port()}});
    receivers_.emplace(id, std::move(opened));
  }
  return {};
}

Status Node::Reload(const FusionConfig& config) {
  FUSTOR_TRY(asio::BlockOn(*control_, ConfigureTask(fusion_, config)));
  FUSTOR_TRY(SetReceivers(config));
  const bool same_port = config.host == options_.config.host && config.port == options_.config.port;
  const std::string host = options_.config.host;
  const std::uint16_t port = options_.config.port;
  options_.config = config;
  options_.config.host = host;
  options_.config.port = port;
  if (same_port) return {};
  return {Code::kFailedPrecondition,
          "host, port: the management port changes with the next start; everything else is in "
          "effect"};
}

void Node::Stop(Nanos grace) {
  if (std::exchange(stopped_, true)) return;
  // Agents hear at once that they must go elsewhere; people may finish reading.
  asio::BlockOn(*control_, fusion_.Stop());
  for (auto& [id, receiver] : receivers_) {
    receiver->Stop(grace);
  }
  if (http_ != nullptr) http_->Stop(grace);
  control_->Stop();
  ingest_->Stop();
  queries_->Stop();
  disk_->Stop();
  for (const auto& thread : shard_threads_) thread->Stop();
}

std::uint16_t Node::receiver_port(const std::string& receiver) const {
  return receivers_.at(receiver)->port();
}

const env::MethodTable& Node::receiver_methods(const std::string& receiver) const {
  return receivers_.at(receiver)->methods;
}

const http::Router& Node::receiver_router(const std::string& receiver) const {
  return receivers_.at(receiver)->router;
}

health::Health Node::MakeHealth() const {
  health::Health health("fustor-fusion", options_.version);
  const WallTime now = asio::SystemClock().WallNow();
  if (!checkpoints_off_.ok()) {
    health.Add("checkpoints", health::Matters::kInforms, now);
    health.Set("checkpoints", health::State::kDegraded,
               "none are kept: " + checkpoints_off_.message(), now);
  }
  for (const std::shared_ptr<View>& view : fusion_.All()) {
    const std::shared_ptr<const ViewStatus> status = view->status();
    const std::string name = "view:" + view->id();
    health.Add(name,
               options_.ready_needs_views ? health::Matters::kReady : health::Matters::kInforms,
               status->unready_since.value_or(now));
    health.Set(name, status->ready ? health::State::kOk : health::State::kFailed,
               status->not_ready_reason, now);
    AddCheckpointHealth(*view, now, &health);
    if (!status->alarm) continue;
    const std::string alarm = "deletes:" + view->id();
    health.Add(alarm, health::Matters::kInforms, status->alarm->since);
    health.Set(alarm, health::State::kDegraded, AlarmText(*status->alarm), now);
  }
  return health;
}

}  // namespace fustor::fusion
