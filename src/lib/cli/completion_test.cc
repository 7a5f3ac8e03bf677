#include "lib/cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fustor::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Real shells read the scripts in e2e/test_completion.py; here is what only a table can have.
TEST(Completion, NamesFunctionsAfterTheProgramAndQuotesHelp) {
  bool flag = false;
  std::string value;
  Program program;
  program.name = "my-tool";
  program.options = {{"-c,--choose", "X", "It's a choice.", &value, {"one", "two"}},
                     {"--flag", "", "A flag.", &flag}};
  Command go;
  go.name = "go";
  go.summary = "it's going";
  program.commands = {go};
  EXPECT_THAT(BashCompletion(program), HasSubstr("complete -F _my_tool my-tool\n"));
  EXPECT_THAT(BashCompletion(program), HasSubstr("-c|--choose)"));
  EXPECT_THAT(BashCompletion(program), Not(HasSubstr("--flag)")));
  EXPECT_THAT(ZshCompletion(program), HasSubstr("#compdef my-tool\n"));
  EXPECT_THAT(FishCompletion(program), HasSubstr("-s c -l choose -x -a 'one two' -d 'It'\\''s a"));
  EXPECT_THAT(FishCompletion(program), HasSubstr("-l flag -d 'A flag.'"));
}

}  // namespace
}  // namespace fustor::cli
