#include "apps/fustor-agent/remote.h"

#include <cstdlib>
#include <utility>

#include "adapters/yaml/parse.h"
#include "base/path.h"
#include "lib/config/redact.h"
#include "svc/agent/core/support.h"

namespace fustor::agent {
namespace {

constexpr char kFolder[] = "agent-config";

std::string Given(const std::string& argument) {
  if (!argument.empty()) return argument;
  const char* home = std::getenv("FUSTOR_AGENT_HOME");
  return home == nullptr ? std::string() : std::string(home);
}

}  // namespace

Result<AgentConfig> LoadAgentConfig(const std::string& given, const process::FileChange& change) {
  FUSTOR_TRY_ASSIGN(const config::Node root,
                    process::LoadConfiguration(Given(given), kFolder, change));
  FUSTOR_TRY_ASSIGN(AgentConfig config, ReadAgentConfig(root));
  FUSTOR_TRY(CheckSupport(config).status);
  return config;
}

void Remote::Take(batch::Command command) {
  {
    const std::scoped_lock lock(mutex_);
    if (waiting_.size() >= kWaitingMax) {
      log_.Warn("a command is refused: others wait", {{"kind", PrintablePath(command.kind)}});
      return;
    }
    waiting_.push_back(std::move(command));
  }
  signals_.Wake();
}

void Remote::CarryOut(Node& node, const Reload& reload) {
  NoteUpgrade(node);
  for (;;) {
    batch::Command command;
    {
      const std::scoped_lock lock(mutex_);
      if (waiting_.empty()) return;
      command = std::move(waiting_.front());
      waiting_.pop_front();
    }
    const Status done = CarryOutOne(command, node, reload);
    if (done.ok()) {
      log_.Info("command carried out", {{"kind", PrintablePath(command.kind)}});
    } else {
      log_.Error("a command was not carried out",
                 {{"kind", PrintablePath(command.kind)}, {"error", done.message()}});
    }
    Tell(node, done.ok() ? "" : PrintablePath(command.kind) + ": " + done.message());
  }
}

Status Remote::CarryOutOne(const batch::Command& command, Node& node, const Reload& reload) {
  if (command.kind == "reload_config") return reload();
  FUSTOR_TRY_ASSIGN(const AgentConfig now, LoadAgentConfig(given_, {}));
  if (!now.remote_config) {
    return {Code::kPermissionDenied, "remote_config is false in the agent's configuration"};
  }
  if (command.kind == "stop_pipe") return node.StopPipe(command.name);
  if (command.kind == "update_config") return Update(command, reload);
  if (command.kind == "upgrade") return Upgrade(now.upgrade_hook, command.name);
  return {Code::kUnimplemented, "this agent knows no such command"};
}

Status Remote::Upgrade(const std::string& hook, const std::string& version) {
  if (hook.empty()) {
    return {Code::kPermissionDenied, "there is no upgrade_hook in the agent's configuration"};
  }
  if (!batch::IsVersion(version)) return {Code::kInvalidArgument, "that is no version"};
  if (upgrade_) return {Code::kAlreadyExists, "an upgrade is under way"};
  FUSTOR_TRY_ASSIGN(posix::Child child, posix::Child::Start({hook, version}));
  upgrade_ = child;
  log_.Info("upgrade begins", {{"version", version}});
  return {};
}

void Remote::NoteUpgrade(Node& node) {
  if (!upgrade_) return;
  const std::optional<int> status = upgrade_->Ended();
  if (!status) return;
  upgrade_.reset();
  if (*status == 0) {
    log_.Info("the upgrade hook has ended");
    return;
  }
  const std::string error = "the upgrade hook ended with status " + std::to_string(*status);
  log_.Error(error);
  Tell(node, "upgrade: " + error);
}

Status Remote::Update(const batch::Command& command, const Reload& reload) {
  if (command.text.size() > batch::kConfigBytesMax) {
    return {Code::kInvalidArgument, "larger than a configuration may be"};
  }
  FUSTOR_TRY_ASSIGN(const std::string path, process::ConfigurationPath(Given(given_), kFolder));
  process::FileChange change;
  FUSTOR_TRY_ASSIGN(change.path, process::ConfigurationFile(path, command.name));
  change.text = command.text;
  FUSTOR_TRY_ASSIGN(const config::Node alone, yaml::Parse(change.text, command.name));
  if (config::HoldsRedacted(alone)) {
    return {Code::kInvalidArgument, "a secret is still hidden as '***': give the real one"};
  }
  FUSTOR_TRY_ASSIGN(const AgentConfig wanted, LoadAgentConfig(given_, change));
  const Result<AgentConfig> now = LoadAgentConfig(given_, {});
  if (now.ok() && now->agent_id != wanted.agent_id) {
    return {Code::kInvalidArgument, "agent_id cannot be changed from afar"};
  }
  // Who may change the configuration is not thereby allowed to run any program on this host.
  if ((now.ok() ? now->upgrade_hook : "") != wanted.upgrade_hook) {
    return {Code::kPermissionDenied, "upgrade_hook cannot be changed from afar"};
  }
  return process::ReplaceFile(change, reload);
}

void Remote::Tell(Node& node, std::string error) {
  const Result<std::string> path = process::ConfigurationPath(Given(given_), kFolder);
  const Result<config::Node> root = process::LoadConfiguration(Given(given_), kFolder);
  if (!path.ok()) return;
  batch::ConfigReport report;
  report.filename = process::ConfigurationName(*path);
  report.error = std::move(error);
  if (root.ok()) report.config_yaml = config::RedactedYaml(*root);
  if (!root.ok() && report.error.empty()) report.error = root.status().message();
  if (report.config_yaml.size() > batch::kConfigBytesMax) {
    report.config_yaml = "# larger than can be told\n";
  }
  node.TellConfig(std::move(report));
}

}  // namespace fustor::agent
