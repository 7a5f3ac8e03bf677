#include "apps/up/up.h"

#include <optional>
#include <utility>

#include "adapters/asio/executor.h"
#include "adapters/log/log.h"
#include "adapters/posix/process.h"
#include "adapters/posix/random.h"
#include "apps/fusion/node.h"
#include "apps/process/configuration.h"
#include "apps/process/signals.h"
#include "apps/up/home.h"
#include "apps/up/local_agent.h"
#include "apps/up/messages.h"
#include "apps/up/roots.h"

namespace fustor::up {
namespace {

constexpr char kReceiver[] = "agents";
constexpr std::uint16_t kHttpPort = 8101;
constexpr std::uint16_t kGrpcPort = 8103;
constexpr std::size_t kPushKeyBytes = 24;
constexpr Millis kProgressEvery{250};

struct Address {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  bool chosen = false;  // By the user: then a busy port is an error.
};

Result<Address> ParseAddress(const std::optional<std::string>& text, std::uint16_t default_port,
                             const char* option) {
  Address address;
  address.port = default_port;
  if (!text) return address;
  address.chosen = true;
  const std::size_t colon = text->rfind(':');
  const std::string port = colon == std::string::npos ? *text : text->substr(colon + 1);
  std::string host = colon == std::string::npos ? "" : text->substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (!host.empty()) address.host = host;
  unsigned long number = 0;
  for (const char c : port) {
    if (c < '0' || c > '9' || number > 65535) {
      number = 65536;
      break;
    }
    number = number * 10 + static_cast<unsigned long>(c - '0');
  }
  if (port.empty() || number > 65535) {
    return Status(Code::kInvalidArgument, std::string(option) + " '" + *text +
                                              "': expected HOST:PORT, as 127.0.0.1:8101 or "
                                              "[::1]:8101; port 0 is any that is free");
  }
  address.port = static_cast<std::uint16_t>(number);
  return address;
}

fusion::FusionConfig MakeConfig(const std::vector<Root>& roots, const std::string& key,
                                const std::vector<std::string>& push_keys, const Address& http,
                                const Address& grpc) {
  fusion::FusionConfig config;
  config.host = http.host;
  config.port = http.port;
  fusion::ReceiverConfig receiver;
  receiver.bind_host = grpc.host;
  receiver.port = grpc.port;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    const std::string& id = roots[i].view;
    fusion::ViewConfig view;
    view.api_keys = {key};
    view.source = roots[i].directory;
    config.views.emplace(id, std::move(view));
    fusion::PipeConfig pipe;
    pipe.receiver = kReceiver;
    pipe.views = {id};
    config.pipes.emplace(id, std::move(pipe));
    receiver.api_keys.push_back({push_keys[i], id});
  }
  config.receivers.emplace(kReceiver, std::move(receiver));
  return config;
}

// Opens the ports; one that is busy and was not chosen by the user is replaced by a free one.
Result<std::unique_ptr<fusion::Node>> StartNode(const std::vector<Root>& roots,
                                                const std::string& key,
                                                const std::vector<std::string>& push_keys,
                                                Address http, Address grpc,
                                                const std::string& version, const std::string& home,
                                                Logger log, Messages& messages) {
  for (;;) {
    fusion::Node::Options options;
    options.config = MakeConfig(roots, key, push_keys, http, grpc);
    options.version = version;
    options.ready_needs_views = true;
    options.checkpoint_folder = home + "/checkpoints";
    Result<std::unique_ptr<fusion::Node>> node = fusion::Node::Start(std::move(options), log);
    if (node.status().code() != Code::kAlreadyExists) return node;
    const bool of_receiver = node.status().message().find("receivers.") != std::string::npos;
    Address& busy = of_receiver ? grpc : http;
    if (busy.chosen || busy.port == 0) return node;
    messages.PortBusy(busy.port);
    busy.port = 0;
  }
}

class UpProcess {
 public:
  UpProcess(Home home, std::vector<Root> roots, std::unique_ptr<log::Log> log, Messages messages)
      : home_(std::move(home)),
        roots_(std::move(roots)),
        log_(std::move(log)),
        messages_(std::move(messages)) {}

  Status Start(const client::UpOptions& options, const std::string& version) {
    FUSTOR_TRY_ASSIGN(const Address http, ParseAddress(options.listen, kHttpPort, "--listen"));
    FUSTOR_TRY_ASSIGN(Address grpc, ParseAddress(options.grpc_listen, kGrpcPort, "--grpc-listen"));
    if (!options.grpc_listen) grpc.host = http.host;
    LocalAgent::Options agent;
    agent.agent_id = posix::HostName();
    agent.scan_threads = static_cast<unsigned>(options.scan_workers.value_or(0));
    agent.one_file_system = options.one_file_system;
    for (std::size_t i = 0; i < roots_.size(); ++i) {
      agent.keys.push_back(posix::SystemRandom().Hex(kPushKeyBytes));
    }
    FUSTOR_TRY_ASSIGN(node_, StartNode(roots_, home_.key(), agent.keys, http, grpc, version,
                                       home_.directory(), Logger(*log_, "fusion"), messages_));
    FUSTOR_TRY_ASSIGN(agent_, LocalAgent::Start(agent, roots_, node_->receiver_methods(kReceiver),
                                                Logger(*log_, "agent")));
    const std::string grpc_host =
        grpc.host.find(':') == std::string::npos ? grpc.host : "[" + grpc.host + "]";
    return home_.WriteConnection(node_->url(),
                                 grpc_host + ":" + std::to_string(node_->receiver_port(kReceiver)));
  }

  void Run(process::Signals& signals) {
    messages_.Started(home_, roots_, node_->url());
    const bool ready = WatchFirstScan(signals);
    while (ready && signals.Wait() != process::Signals::News::kStop) (void)log_->Reopen();
  }

  void Stop() {
    messages_.Stopping();
    home_.RemoveConnection();
    if (agent_ != nullptr) agent_->Stop();
    if (node_ != nullptr) node_->Stop(Seconds(2));
  }

 private:
  // False when the stop came first.
  bool WatchFirstScan(process::Signals& signals) {
    const Instant begun = asio::SystemClock().Now();
    for (;;) {
      Messages::Progress progress;
      bool ready = true;
      for (const Root& root : roots_) {
        const std::shared_ptr<const fusion::ViewStatus> status =
            node_->fusion().Find(root.view)->status();
        ready = ready && status->ready;
        progress.entries += status->memory.entries;
      }
      progress.elapsed = asio::SystemClock().Now() - begun;
      if (ready) {
        messages_.Ready(progress, roots_, agent_->trees());
        return true;
      }
      messages_.Show(progress);
      if (signals.WaitFor(kProgressEvery) == process::Signals::News::kStop) return false;
    }
  }

  Home home_;
  const std::vector<Root> roots_;
  const std::unique_ptr<log::Log> log_;
  Messages messages_;
  std::unique_ptr<fusion::Node> node_;
  std::unique_ptr<LocalAgent> agent_;
};

Result<std::unique_ptr<UpProcess>> Prepare(const client::CommonOptions& common,
                                           const client::UpOptions& options,
                                           const Messages& messages) {
  FUSTOR_TRY_ASSIGN(std::vector<Root> roots, ResolveRoots(options.dirs));
  FUSTOR_TRY_ASSIGN(const std::string directory, process::HomeDirectory(common.home.value_or("")));
  FUSTOR_TRY_ASSIGN(Home home, Home::Open(directory));
  log::Options log_options;
  log_options.file = home.log_file();
  FUSTOR_TRY_ASSIGN(std::unique_ptr<log::Log> log, log::Open(log_options, asio::SystemClock()));
  return std::make_unique<UpProcess>(std::move(home), std::move(roots), std::move(log), messages);
}

}  // namespace

int Run(const client::CommonOptions& common, const client::UpOptions& options,
        const std::string& program, const std::string& version) {
  const Result<std::unique_ptr<process::Signals>> signals = process::Signals::Start();
  (void)posix::RaiseOpenFilesLimit();
  Messages messages(program, options.quiet);
  Status status = signals.status();
  const Result<std::unique_ptr<UpProcess>> up = Prepare(common, options, messages);
  if (status.ok()) status = up.status();
  if (status.ok()) {
    status = (*up)->Start(options, version);
    if (status.ok()) (*up)->Run(**signals);
    (*up)->Stop();
  }
  if (status.ok()) return 0;
  messages.Failed(status);
  return 1;
}

}  // namespace fustor::up
