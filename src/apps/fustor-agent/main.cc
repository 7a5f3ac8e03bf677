// fustor-agent: looks at file trees and tells Fusion what is in them, and what changes.

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/cli11/parse.h"
#include "adapters/posix/process.h"
#include "apps/agent/node.h"
#include "apps/fustor-agent/remote.h"
#include "apps/process/configuration.h"
#include "apps/process/signals.h"
#include "apps/process/version.h"
#include "lib/cli/command.h"
#include "svc/agent/core/config.h"
#include "svc/agent/core/support.h"

namespace fustor::agent {
namespace {

// What hangs in the kernel (a dead NFS server) must not keep the process; nothing of ours is lost.
constexpr std::chrono::milliseconds kStopWithin{4'800};
constexpr Nanos kUpgradePoll = Seconds(1);

struct Arguments {
  std::string config;
  bool check_config = false;
};

cli::Program MakeProgram(Arguments* arguments) {
  cli::Program program;
  program.name = "fustor-agent";
  program.version = process::Version();
  program.description =
      "Looks at file trees, and tells Fusion what is in them and what changes. It never writes to "
      "them and opens no file. SIGHUP reads the configuration again; a configuration that is wrong "
      "is reported and the old one stays. SIGTERM closes the sessions and ends it.";
  program.options = {
      {"--config", "PATH",
       "A YAML file or a folder of them; else the folder $FUSTOR_AGENT_HOME, else "
       "$FUSTOR_HOME/agent-config, else ~/.fustor/agent-config.",
       &arguments->config},
      {"--check-config", "", "Only say whether the configuration is right.",
       &arguments->check_config},
  };
  cli::Command run;
  run.name = "run";
  run.summary = "run until SIGTERM (this is the default)";
  run.description = program.description;
  run.examples = {{"fustor-agent --config /etc/fustor/agent-config", "run with these files"},
                  {"fustor-agent --check-config", "say what is wrong with the configuration"}};
  program.commands = {std::move(run)};
  program.default_command = "run";
  program.epilog =
      "Exit codes: 0 after a stop that was asked for (or a configuration that is right), 1 when it "
      "could not start or not end in time, 2 for a mistake in the command line or the "
      "configuration.";
  return program;
}

int Fail(const Status& status, int code) {
  std::fprintf(stderr, "fustor-agent: %s\n", status.message().c_str());
  return code;
}

int Check(const AgentConfig& config) {
  for (const std::string& warning : CheckSupport(config).warnings) {
    std::fprintf(stderr, "fustor-agent: %s\n", warning.c_str());
  }
  std::puts("The configuration is right.");
  return cli::kExitOk;
}

Status Reload(const Arguments& arguments, log::Log& log, const Logger& logger, Node& node) {
  const Status reopened = log.Reopen();
  if (!reopened.ok()) logger.Error("log file not opened again", {{"error", reopened.message()}});
  const Result<AgentConfig> config = LoadAgentConfig(arguments.config, {});
  if (!config.ok()) {
    logger.Error("configuration not taken, the old one stays",
                 {{"error", config.status().message()}});
    return config.status();
  }
  log.SetLevel(config->logging.level);
  const Status reloaded = node.Reload(*config);
  if (reloaded.ok()) {
    logger.Info("configuration taken");
  } else {
    logger.Error("configuration not taken as a whole", {{"error", reloaded.message()}});
  }
  // What changes with the next start is no reason to undo the rest.
  return reloaded.code() == Code::kFailedPrecondition ? Status() : reloaded;
}

// Leaves the process to the kernel unless the thread is destroyed in time.
std::jthread EndInTime(const Logger& logger) {
  return std::jthread([logger](const std::stop_token& ended) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, ended, kStopWithin, [] { return false; });
    if (ended.stop_requested()) return;
    logger.Error("the agent does not end, leaving it to the kernel");
    ::_exit(cli::kExitFailed);
  });
}

int Run(const Arguments& arguments) {
  Result<AgentConfig> config = LoadAgentConfig(arguments.config, {});
  if (!config.ok()) return Fail(config.status(), cli::kExitUsage);
  if (arguments.check_config) return Check(*config);
  Result<std::unique_ptr<process::Signals>> signals = process::Signals::Start();
  if (!signals.ok()) return Fail(signals.status(), cli::kExitFailed);
  const Result<std::unique_ptr<log::Log>> log = process::OpenLog(config->logging);
  if (!log.ok()) return Fail(log.status(), cli::kExitFailed);
  (void)posix::RaiseOpenFilesLimit();

  const Logger logger(**log, "agent");
  std::jthread end_in_time;  // Ends after the node.
  Remote remote(arguments.config, **signals, logger);
  Node::Options options;
  options.config = *std::move(config);
  options.version = process::Version();
  options.on_command = [&remote](batch::Command command) { remote.Take(std::move(command)); };
  const Result<std::unique_ptr<Node>> node = Node::Start(std::move(options), logger);
  if (!node.ok()) return Fail(node.status(), cli::kExitFailed);
  logger.Info("agent runs", {{"version", process::Version()}, {"url", (*node)->url()}});
  remote.Tell(**node, "");
  const auto reload = [&] { return Reload(arguments, **log, logger, **node); };
  const auto wait = [&] {
    return remote.upgrading() ? (*signals)->WaitFor(kUpgradePoll) : (*signals)->Wait();
  };
  for (process::Signals::News news = wait(); news != process::Signals::News::kStop; news = wait()) {
    if (news == process::Signals::News::kReload) {
      const Status reloaded = reload();
      remote.Tell(**node, reloaded.message());
    }
    remote.CarryOut(**node, reload);
  }
  logger.Info("agent stops");
  end_in_time = EndInTime(logger);
  (*node)->Stop();
  return cli::kExitOk;
}

}  // namespace
}  // namespace fustor::agent

int main(int argc, char** argv) {
  fustor::agent::Arguments arguments;
  const fustor::cli::Program program = fustor::agent::MakeProgram(&arguments);
  const fustor::cli::Outcome outcome =
      fustor::cli11::Parse(program, std::vector<std::string>(argv + 1, argv + argc));
  if (outcome.command.empty()) {
    std::fputs(outcome.text.c_str(), outcome.text_is_error ? stderr : stdout);
    return outcome.exit_code;
  }
  return fustor::agent::Run(arguments);
}
