// command.h: what a program can be told on its command line, as a table.
//
// Pure. A program declares its commands and where their options are to be stored; adapters/cli11
// fills the targets from argv, and help.h explains the same table to people. Targets must outlive
// the table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace fustor::cli {

// Where a value goes. bool: a flag. std::string and std::vector<std::string>: bytes as they came.
using Target = std::variant<bool*, std::string*, std::optional<std::string>*,
                            std::vector<std::string>*, std::optional<std::uint64_t>*>;

// What a shell can offer for a value.
enum class Offer { kNothing, kPath, kDirectory, kCommand };

struct Option {
  std::string names;  // "-L,--max-depth" or "--json"
  std::string value;  // What help calls it, "N". Empty for flags.
  std::string help;
  Target target;
  std::vector<std::string> choices = {};  // Nothing else is taken. Empty: anything.
  Offer offer = Offer::kNothing;
};

struct Argument {
  std::string name;  // "PATH"
  std::string help;
  Target target;
  bool required = false;
  std::vector<std::string> choices = {};  // As of an option.
  Offer offer = Offer::kNothing;
};

struct Example {
  std::string command;  // "fustor ls -l /data"
  std::string what;     // "who owns what, how big, since when"
};

struct Command {
  std::string name;
  std::string summary;      // One line without a full stop, for the list of commands.
  std::string description;  // What it does and what is surprising about it. Wrapped by help.
  std::vector<Argument> arguments;
  std::vector<Option> options;
  std::vector<Example> examples;
  // Set: everything after the command's name goes here as it is (--help excepted) and is
  // understood by the command itself. `usage` then says how.
  std::vector<std::string>* raw = nullptr;
  std::vector<std::string> raw_words = {};  // What a shell offers there beside paths.
  std::string usage;                        // Overrides the usage line that is made from the table.
  std::string details;                      // Printed as it is between options and examples.
  std::string group;  // Title above it in the list of commands. Empty: "Commands".
};

// Something to read about that is no command: "help exit-codes".
struct Topic {
  std::string name;
  std::string summary;
  std::string text;  // Printed as it is.
};

struct Program {
  std::string name;
  std::string version;
  std::string description;
  std::vector<Option> options;    // Accepted by every command, before or after its name.
  std::vector<Command> commands;  // Those of one group stand together.
  std::vector<Topic> topics = {};
  std::vector<Example> examples;
  std::string epilog;
  // The command meant when none is given; nullopt: help is shown. "" is not a command.
  std::optional<std::string> default_command;
};

// What came of a command line.
struct Outcome {
  // Empty: there is nothing to run; print `text` and exit with `exit_code`.
  std::string command = "";
  std::string text = "";
  bool text_is_error = false;
  int exit_code = 0;
};

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotReady = 3;

}  // namespace fustor::cli
