#include "adapters/cli11/parse.h"

#include <gtest/gtest.h>

namespace fustor::cli11 {
namespace {

struct Options {
  bool json = false;
  std::optional<std::string> home;
  bool all = false;
  bool human = false;
  std::optional<std::uint64_t> depth;
  std::vector<std::string> ignore;
  std::vector<std::string> paths;
  std::string text;
  std::vector<std::string> raw;
};

cli::Program Table(Options* o) {
  cli::Program program;
  program.name = "tool";
  program.version = "1.2";
  program.options = {{"--json", "", "Print JSON.", &o->json},
                     {"--home", "DIR", "Where.", &o->home}};
  cli::Command ls;
  ls.name = "ls";
  ls.options = {{"-a,--all", "", "All.", &o->all},
                {"-h,--human-readable", "", "Human.", &o->human},
                {"-L,--max-depth", "N", "Depth.", &o->depth},
                {"--ignore", "GLOB", "Leave out.", &o->ignore}};
  ls.arguments = {{"PATH", "What.", &o->paths}};
  cli::Command search;
  search.name = "search";
  search.arguments = {{"TEXT", "What.", &o->text, true}};
  cli::Command find;
  find.name = "find";
  find.raw = &o->raw;
  cli::Command help;
  help.name = "help";
  program.commands = {ls, search, find, help};
  return program;
}

TEST(Parse, FillsTargetsWherever) {
  Options o;
  const auto outcome = Parse(Table(&o), {"--home", "/h", "ls", "a", "-ah", "-L", "3", "--json", "b",
                                         "--ignore=x", "--ignore", "y"});
  EXPECT_EQ(outcome.command, "ls") << outcome.text;
  EXPECT_TRUE(o.json && o.all && o.human);
  EXPECT_EQ(o.home, "/h");
  EXPECT_EQ(o.depth, 3u);
  EXPECT_EQ(o.paths, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(o.ignore, (std::vector<std::string>{"x", "y"}));
}

TEST(Parse, KeepsHostileValuesByteForByte) {
  const std::vector<std::string> hostile = {"[a,b]", "{}",   "",     "a b",  "\xff\xfe",
                                            "%%",    "\x01", "a=b",  "\n",   "'\"",
                                            "[]",    "true", "0x10", "/a/b", "-"};
  Options o;
  std::vector<std::string> args = {"ls"};
  args.insert(args.end(), hostile.begin(), hostile.end());
  const auto outcome = Parse(Table(&o), args);
  EXPECT_EQ(outcome.command, "ls") << outcome.text;
  EXPECT_EQ(o.paths, hostile);

  Options after;
  EXPECT_EQ(Parse(Table(&after), {"ls", "--", "-a", "--help", "--"}).command, "ls");
  EXPECT_EQ(after.paths, (std::vector<std::string>{"-a", "--help", "--"}));
  EXPECT_FALSE(after.all);

  Options value;
  EXPECT_EQ(Parse(Table(&value), {"ls", "--home=[x]", "--ignore", "{}"}).command, "ls");
  EXPECT_EQ(value.home, "[x]");
  EXPECT_EQ(value.ignore, (std::vector<std::string>{"{}"}));
}

TEST(Parse, PassesRawArgumentsThrough) {
  Options o;
  EXPECT_EQ(Parse(Table(&o), {"--json", "find", ".", "-name", "*", "-h", "--", "!"}).command,
            "find");
  EXPECT_EQ(o.raw, (std::vector<std::string>{".", "-name", "*", "-h", "--", "!"}));
  EXPECT_TRUE(o.json);
}

TEST(Parse, ExplainsMistakes) {
  const struct {
    std::vector<std::string> args;
    std::string says;
  } cases[] = {
      {{"sl"}, "tool: there is no command 'sl'; did you mean 'ls'?\nTry 'tool --help'.\n"},
      {{"ls", "--max-dept", "3"},
       "tool: there is no option '--max-dept'; did you mean '--max-depth'?\n"
       "Try 'tool ls --help'.\n"},
      {{"ls", "-Z"}, "tool: there is no option '-Z'\nTry 'tool ls --help'.\n"},
      {{"ls", "-L", "x"}, "tool: --max-depth takes a number, not 'x'\nTry 'tool ls --help'.\n"},
      {{"ls", "-L", ""}, "tool: --max-depth takes a number, not ''\nTry 'tool ls --help'.\n"},
      {{"ls", "-L"}, "tool: --max-depth needs a value\nTry 'tool ls --help'.\n"},
      {{"search"}, "tool: TEXT is missing\nTry 'tool search --help'.\n"},
      {{"search", "a", "b"}, "tool: unexpected argument 'b'\nTry 'tool search --help'.\n"},
      {{"help", "x"}, "tool: there is no command 'x'\nTry 'tool --help'.\n"},
      {{"--bogus"}, "tool: there is no option '--bogus'\nTry 'tool --help'.\n"},
  };
  for (const auto& c : cases) {
    Options o;
    const auto outcome = Parse(Table(&o), c.args);
    EXPECT_EQ(outcome.text, c.says);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_TRUE(outcome.text_is_error);
  }
}

TEST(Parse, ShowsHelpAndVersion) {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"ls", "--help"}, {"help", "ls"}, {"ls", "x", "--help", "y"}}) {
    Options o;
    const auto outcome = Parse(Table(&o), args);
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_TRUE(outcome.text.starts_with("Usage: tool ls [OPTION]... [PATH]...\n")) << outcome.text;
  }
  Options o;
  EXPECT_TRUE(Parse(Table(&o), {"search", "-h"}).text.starts_with("Usage: tool search TEXT"));
  EXPECT_NE(Parse(Table(&o), {}).text.find("Commands:\n"), std::string::npos);
  EXPECT_NE(Parse(Table(&o), {"-h"}).text.find("Commands:\n"), std::string::npos);
  EXPECT_EQ(Parse(Table(&o), {"--version"}).text, "tool 1.2\n");
  EXPECT_EQ(Parse(Table(&o), {"ls", "-h"}).command, "ls");
}

TEST(Parse, KnowsTopicsChoicesAndMisspeltOptionsBeforeACommand) {
  std::string by, config;
  cli::Program program;
  program.name = "tool";
  program.options = {{"--config", "PATH", "Where.", &config}};
  program.topics = {{"exit-codes", "numbers", "0 and others\n"}};
  cli::Command top, help;
  top.name = "top";
  top.options = {{"--by", "WHAT", "What.", &by, {"size", "files", "mtime"}}};
  help.name = "help";
  program.commands = {top, help};
  const auto text = [&](const std::vector<std::string>& args) { return Parse(program, args).text; };
  EXPECT_EQ(text({"help", "exit-codes"}), "0 and others\n");
  EXPECT_EQ(text({"help", "exitcodes"}),
            "tool: there is no command or topic 'exitcodes'; did you mean 'exit-codes'?\n"
            "Try 'tool --help'.\n");
  EXPECT_EQ(text({"top", "--by", "age"}),
            "tool: --by takes size, files or mtime, not 'age'\nTry 'tool top --help'.\n");
  EXPECT_EQ(text({"--confg", "x"}),
            "tool: there is no option '--confg'; did you mean '--config'?\nTry 'tool --help'.\n");
  EXPECT_EQ(text({"--config", "x", "tpo"}),
            "tool: there is no command 'tpo'; did you mean 'top'?\nTry 'tool --help'.\n");
  EXPECT_EQ(Parse(program, {"top", "--by", "files"}).command, "top");
  EXPECT_EQ(by, "files");
}

}  // namespace
}  // namespace fustor::cli11
