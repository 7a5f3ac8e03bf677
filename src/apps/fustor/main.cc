// `fustor`: everything on one machine, and the questions one can ask.

#include <memory>
#include <string>

#include "adapters/cli11/parse.h"
#include "adapters/posix/console.h"
#include "apps/fustor/config_check.h"
#include "apps/fustor/system.h"
#include "apps/up/up.h"
#include "lib/cli/completion.h"
#include "svc/client/core/options.h"
#include "svc/client/flow/run.h"

namespace {

std::string CompletionFor(const std::string& shell, const fustor::cli::Program& table) {
  if (shell == "zsh") return fustor::cli::ZshCompletion(table);
  if (shell == "fish") return fustor::cli::FishCompletion(table);
  return fustor::cli::BashCompletion(table);
}

}  // namespace

int main(int argc, char** argv) {
  using fustor::client::Options;
  Options options;
  const fustor::cli::Program table = fustor::client::CommandTable(&options, FUSTOR_VERSION);
  const fustor::cli::Outcome outcome = fustor::cli11::Parse(table, {argv + 1, argv + argc});
  if (outcome.command == "up") {
    return fustor::up::Run(options.common, options.up, argv[0], FUSTOR_VERSION);
  }

  fustor::posix::IgnoreBrokenPipes();
  const std::unique_ptr<fustor::client::Terminal> terminal = fustor::OpenTerminal();
  if (outcome.command.empty()) {
    if (outcome.text_is_error) {
      terminal->WriteError(outcome.text);
    } else {
      (void)terminal->Write(outcome.text);
    }
    return outcome.exit_code;
  }
  if (outcome.command == "config") return fustor::CheckConfig(options.config, *terminal);
  if (outcome.command == "completion") {
    (void)terminal->Write(CompletionFor(options.completion.shell, table));
    return 0;
  }
  const std::unique_ptr<fustor::client::Host> host = fustor::OpenHost();
  return fustor::client::Run(outcome.command, options, {*host, *terminal, fustor::ConnectFusion});
}
