// `fustor`: everything on one machine, and the questions one can ask.

#include <memory>
#include <string>

#include "adapters/cli11/parse.h"
#include "adapters/posix/console.h"
#include "apps/fustor/system.h"
#include "apps/up/up.h"
#include "svc/client/core/options.h"
#include "svc/client/flow/run.h"

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
  const std::unique_ptr<fustor::client::Host> host = fustor::OpenHost();
  return fustor::client::Run(outcome.command, options, {*host, *terminal, fustor::ConnectFusion});
}
