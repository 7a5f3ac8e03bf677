#include "lib/cli/help.h"

#include <gtest/gtest.h>

namespace fustor::cli {
namespace {

TEST(Help, WrapsAtSpacesAndKeepsLineFeeds) {
  EXPECT_EQ(Wrap("one two three", 2, 9), "  one two\n  three\n");
  EXPECT_EQ(Wrap("a\n\nb", 1, 80), " a\n\n b\n");
  EXPECT_EQ(Wrap("", 3, 80), "");
  EXPECT_EQ(Wrap("longerthanthecolumns x", 0, 5), "longerthanthecolumns\nx\n");
}

TEST(Help, ShowsUsageOptionsAndExamplesOfACommand) {
  bool all = false;
  std::vector<std::string> paths;
  bool json = false;
  Program program;
  program.name = "tool";
  program.options = {{"--json", "", "Print JSON.", &json}};
  Command ls;
  ls.name = "ls";
  ls.summary = "list";
  ls.description = "Lists things.";
  ls.arguments = {{"PATH", "What to list.", &paths}};
  ls.options = {{"-a,--all", "", "Everything.", &all}};
  ls.examples = {{"tool ls -a", "everything"}};
  EXPECT_EQ(CommandHelp(program, ls), R"(Usage: tool ls [OPTION]... [PATH]...

Lists things.

Arguments:
  PATH                    What to list.

Options:
  -a, --all               Everything.

Options of every command:
      --json              Print JSON.

Examples:
  tool ls -a
      everything
)");
}

TEST(Help, ShowsCommandsInGroups) {
  Program program;
  program.name = "tool";
  program.description = "A tool.";
  Command look, plain;
  look.name = "look";
  look.summary = "see";
  look.group = "Looking";
  plain.name = "plain";
  plain.summary = "none";
  program.commands = {look, look, plain};
  program.examples = {{"tool look", "sees"}};
  program.epilog = "The end.";
  EXPECT_EQ(ProgramHelp(program), R"(A tool.

Usage: tool COMMAND [OPTION]... [ARGUMENT]...

Looking:
  look                    see
  look                    see

Commands:
  plain                   none

Examples:
  tool look
      sees

The end.
)");
}

TEST(Help, SuggestsTheClosestWord) {
  const std::vector<std::string_view> words = {"status", "stat", "search", "ls"};
  EXPECT_EQ(Closest("sttaus", words), "status");
  EXPECT_EQ(Closest("serach", words), "search");
  EXPECT_EQ(Closest("sl", words), "ls");
  EXPECT_EQ(Closest("delete", words), "");
}

}  // namespace
}  // namespace fustor::cli
