#include <cstdio>

#include "adapters/cli11/parse.h"
#include "apps/up/up.h"
#include "svc/client/core/options.h"
int main(int argc, char** argv) {
  fustor::client::Options options;
  const auto table = fustor::client::CommandTable(&options, "0.1.0");
  const auto outcome = fustor::cli11::Parse(table, {argv + 1, argv + argc});
  if (outcome.command != "up") {
    std::fputs(outcome.text.c_str(), stderr);
    return outcome.exit_code;
  }
  return fustor::up::Run(options.common, options.up, argv[0], "0.1.0");
}
