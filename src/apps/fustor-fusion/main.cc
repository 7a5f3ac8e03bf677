// fustor-fusion: takes what agents report, keeps the views, answers questions.

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/cli11/parse.h"
#include "adapters/posix/process.h"
#include "apps/fusion/node.h"
#include "apps/fustor-fusion/remote.h"
#include "apps/process/configuration.h"
#include "apps/process/signals.h"
#include "apps/process/version.h"
#include "lib/cli/command.h"
#include "svc/fusion/core/config.h"

namespace fustor::fusion {
namespace {

constexpr Nanos kStopGrace = Seconds(5);

struct Arguments {
  std::string config;
  bool check_config = false;
};

cli::Program MakeProgram(Arguments* arguments) {
  cli::Program program;
  program.name = "fustor-fusion";
  program.version = process::Version();
  program.description =
      "Takes what agents report, keeps one tree per view in memory, and answers questions about "
      "them over HTTP. SIGHUP reads the configuration again; a configuration that is wrong is "
      "reported and the old one stays. SIGTERM ends it in order.";
  program.options = {
      {"--config", "PATH",
       "A YAML file or a folder of them; else $FUSTOR_HOME/fusion-config, else "
       "~/.fustor/fusion-config.",
       &arguments->config},
      {"--check-config", "", "Only say whether the configuration is right.",
       &arguments->check_config},
  };
  cli::Command run;
  run.name = "run";
  run.summary = "run until SIGTERM (this is the default)";
  run.description = program.description;
  run.examples = {{"fustor-fusion --config /etc/fustor/fusion-config", "run with these files"},
                  {"fustor-fusion --check-config", "say what is wrong with the configuration"}};
  program.commands = {std::move(run)};
  program.default_command = "run";
  program.epilog =
      "Exit codes: 0 after a stop that was asked for (or a configuration that is right), 1 when it "
      "could not start, 2 for a mistake in the command line or the configuration.";
  return program;
}

int Fail(const Status& status, int code) {
  std::fprintf(stderr, "fustor-fusion: %s\n", status.message().c_str());
  return code;
}

Status Reload(const Arguments& arguments, log::Log& log, const Logger& logger, Node& node) {
  const Status reopened = log.Reopen();
  if (!reopened.ok()) logger.Error("log file not opened again", {{"error", reopened.message()}});
  const Result<FusionConfig> config = LoadFusionConfig(arguments.config, {});
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

int Run(const Arguments& arguments) {
  Result<FusionConfig> config = LoadFusionConfig(arguments.config, {});
  if (!config.ok()) return Fail(config.status(), cli::kExitUsage);
  if (arguments.check_config) {
    std::puts("The configuration is right.");
    return cli::kExitOk;
  }
  Result<std::unique_ptr<process::Signals>> signals = process::Signals::Start();
  if (!signals.ok()) return Fail(signals.status(), cli::kExitFailed);
  const Result<std::unique_ptr<log::Log>> log = process::OpenLog(config->logging);
  if (!log.ok()) return Fail(log.status(), cli::kExitFailed);
  (void)posix::RaiseOpenFilesLimit();

  const Logger logger(**log, "fusion");
  Node::Options options;
  options.config = *std::move(config);
  options.version = process::Version();
  const Result<std::string> home = process::HomeDirectory("");
  if (home.ok()) options.checkpoint_folder = *home + "/checkpoints";
  Remote remote(arguments.config, **signals);
  options.on_config = [&remote](ConfigRequest request, ManagementPorts::Answer answer) {
    remote.Take(std::move(request), std::move(answer));
  };
  const Result<std::unique_ptr<Node>> node = Node::Start(std::move(options), logger);
  if (!node.ok()) return Fail(node.status(), cli::kExitFailed);
  logger.Info("fusion runs", {{"version", process::Version()}, {"url", (*node)->url()}});
  const auto reload = [&] { return Reload(arguments, **log, logger, **node); };
  for (process::Signals::News news = (*signals)->Wait(); news != process::Signals::News::kStop;
       news = (*signals)->Wait()) {
    if (news == process::Signals::News::kReload) (void)reload();
    remote.CarryOut(reload);
  }
  logger.Info("fusion stops");
  remote.Stop();
  (*node)->Stop(kStopGrace);
  return cli::kExitOk;
}

}  // namespace
}  // namespace fustor::fusion

int main(int argc, char** argv) {
  fustor::fusion::Arguments arguments;
  const fustor::cli::Program program = fustor::fusion::MakeProgram(&arguments);
  const fustor::cli::Outcome outcome =
      fustor::cli11::Parse(program, std::vector<std::string>(argv + 1, argv + argc));
  if (outcome.command.empty()) {
    std::fputs(outcome.text.c_str(), outcome.text_is_error ? stderr : stdout);
    return outcome.exit_code;
  }
  return fustor::fusion::Run(arguments);
}
