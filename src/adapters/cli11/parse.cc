#include "adapters/cli11/parse.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "base/path.h"
#include "lib/cli/help.h"

namespace fustor::cli11 {
namespace {

// CLI11 gives brackets, braces and empty strings in values a meaning of its own. So it sees a token
// in place of every value, and the bytes are put back afterwards.
class Tokens {
 public:
  explicit Tokens(const std::vector<std::string>& args) : args_(args) {}

  // Arguments for CLI11, last one first as it wants them.
  std::vector<std::string> Hide() {
    std::vector<std::string> hidden;
    bool only_values = false;
    for (const std::string& arg : args_) {
      const std::size_t equals = arg.find('=');
      if (only_values || arg.size() < 2 || arg[0] != '-') {
        hidden.push_back(Keep(arg));
      } else if (arg == "--") {
        hidden.push_back(arg);
        only_values = true;
      } else if (arg.starts_with("--") && equals != std::string::npos) {
        hidden.push_back(arg.substr(0, equals + 1) + Keep(arg.substr(equals + 1)));
      } else {
        hidden.push_back(arg);
      }
    }
    std::reverse(hidden.begin(), hidden.end());
    return hidden;
  }

  std::string Reveal(const std::string& text) const {
    if (text.empty() || text[0] != kMark) return text;
    return kept_[static_cast<std::size_t>(std::stoul(text.substr(1)))];
  }

 private:
  static constexpr char kMark = '\x01';
  std::string Keep(std::string value) {
    kept_.push_back(std::move(value));
    return kMark + std::to_string(kept_.size() - 1);
  }
  const std::vector<std::string>& args_;
  std::vector<std::string> kept_;
};

cli::Outcome Mistake(const cli::Program& program, const std::string& command, std::string text) {
  const std::string more = command.empty() ? " --help" : " " + command + " --help";
  return {.text = program.name + ": " + text + "\nTry '" + program.name + more + "'.\n",
          .text_is_error = true,
          .exit_code = cli::kExitUsage};
}

const cli::Command* FindCommand(const cli::Program& program, std::string_view name) {
  for (const cli::Command& command : program.commands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

const cli::Option* FindOption(const std::vector<cli::Option>& options, std::string_view name) {
  for (const cli::Option& option : options) {
    const std::vector<std::string_view> names = cli::NamesOf(option);
    if (std::find(names.begin(), names.end(), name) != names.end()) return &option;
  }
  return nullptr;
}

// Index of the command's name in args; args.size() when there is none.
std::size_t CommandIndex(const cli::Program& program, const std::vector<std::string>& args) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i].empty() || args[i][0] != '-') return i;
    const cli::Option* option = FindOption(program.options, args[i]);
    if (option != nullptr && !std::holds_alternative<bool*>(option->target)) ++i;
  }
  return args.size();
}

// `topics`: whether one of those was meant as well.
cli::Outcome UnknownCommand(const cli::Program& program, const std::string& name, bool topics) {
  std::vector<std::string_view> names;
  for (const cli::Command& command : program.commands) names.push_back(command.name);
  if (topics) {
    for (const cli::Topic& topic : program.topics) names.push_back(topic.name);
  }
  topics = topics && !program.topics.empty();
  std::string text = (topics ? "there is no command or topic '" : "there is no command '") +
                     PrintablePath(name) + "'";
  const std::string_view closest = cli::Closest(name, names);
  if (!closest.empty()) text += "; did you mean '" + std::string(closest) + "'?";
  return Mistake(program, "", text);
}

cli::Outcome Help(const cli::Program& program, const std::vector<std::string>& args) {
  if (args.empty()) return {.text = cli::ProgramHelp(program)};
  const cli::Command* command = FindCommand(program, args[0]);
  if (command != nullptr) return {.text = cli::CommandHelp(program, *command)};
  for (const cli::Topic& topic : program.topics) {
    if (topic.name == args[0]) return {.text = topic.text};
  }
  return UnknownCommand(program, args[0], true);
}

// Stores what was given. Empty: fine; else what is wrong.
std::string Store(const std::string& name, const std::vector<std::string>& values,
                  const cli::Target& target) {
  const std::string& last = values.back();
  if (auto* const* text = std::get_if<std::string*>(&target)) {
    **text = last;
  } else if (auto* const* maybe = std::get_if<std::optional<std::string>*>(&target)) {
    **maybe = last;
  } else if (auto* const* many = std::get_if<std::vector<std::string>*>(&target)) {
    **many = values;
  } else if (auto* const* number = std::get_if<std::optional<std::uint64_t>*>(&target)) {
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), n);
    if (error != std::errc() || end != last.data() + last.size() || last.empty()) {
      return name + " takes a number, not '" + PrintablePath(last) + "'";
    }
    **number = n;
  }
  return "";
}

// One command's options on one CLI::App.
class CommandApp {
 public:
  CommandApp(const cli::Program& program, const cli::Command* command)
      : program_(program), command_(command) {
    app_.set_help_flag();
    app_.allow_extras();
    if (command != nullptr) {
      for (const cli::Option& option : command->options) AddOption(option);
      for (const cli::Argument& argument : command->arguments) AddArgument(argument);
    }
    for (const cli::Option& option : program.options) AddOption(option);
  }

  cli::Outcome Run(const std::vector<std::string>& args) {
    const std::string name = command_ == nullptr ? "" : command_->name;
    Tokens tokens(args);
    try {
      app_.parse(tokens.Hide());
    } catch (const CLI::ArgumentMismatch& mismatch) {
      const std::string text = mismatch.what();
      return Mistake(program_, name, text.substr(0, text.find(':')) + " needs a value");
    } catch (const CLI::Error& error) {
      return Mistake(program_, name, error.what());
    }
    for (const std::string& extra : app_.remaining()) {
      if (extra != "--") return Unexpected(name, extra, tokens.Reveal(extra));
    }
    for (const Bound& bound : bound_) {
      std::vector<std::string> values;
      for (const std::string& value : bound.option->results()) {
        values.push_back(tokens.Reveal(value));
      }
      if (bound.required && values.empty()) {
        return Mistake(program_, name, bound.name + " is missing");
      }
      if (values.empty()) continue;
      for (const std::string& value : values) {
        const std::vector<std::string>& choices = bound.choices;
        if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) {
          continue;
        }
        return Mistake(
            program_, name,
            bound.name + " takes " + cli::Listed(choices) + ", not '" + PrintablePath(value) + "'");
      }
      if (auto* const* flag = std::get_if<bool*>(&bound.target)) {
        **flag = true;
        continue;
      }
      const std::string problem = Store(bound.name, values, bound.target);
      if (!problem.empty()) return Mistake(program_, name, problem);
    }
    return {.command = name};
  }

 private:
  struct Bound {
    CLI::Option* option;
    std::string name;
    cli::Target target;
    std::vector<std::string> choices = {};
    bool required = false;
  };

  void AddOption(const cli::Option& option) {
    // A command's own option hides a common one of the same name.
    std::string_view first = option.names;
    first = first.substr(0, std::min(first.find(','), first.size()));
    if (app_.get_option_no_throw(std::string(first)) != nullptr) return;
    CLI::Option* added;
    if (std::holds_alternative<bool*>(option.target)) {
      added = app_.add_flag(option.names);
      added->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    } else {
      added = app_.add_option(option.names);
      added->expected(1);
      const bool many = std::holds_alternative<std::vector<std::string>*>(option.target);
      added->multi_option_policy(many ? CLI::MultiOptionPolicy::TakeAll
                                      : CLI::MultiOptionPolicy::TakeLast);
    }
    std::string_view shown = option.names;
    shown.remove_prefix(shown.rfind(',') + 1);
    bound_.push_back({added, std::string(shown), option.target, option.choices});
  }

  void AddArgument(const cli::Argument& argument) {
    CLI::Option* added = app_.add_option(argument.name);
    if (std::holds_alternative<std::vector<std::string>*>(argument.target)) {
      added->expected(0, 1 << 20);
      added->allow_extra_args();
    } else {
      added->expected(1);
    }
    bound_.push_back({added, argument.name, argument.target, argument.choices, argument.required});
  }

  cli::Outcome Unexpected(const std::string& name, const std::string& hidden,
                          const std::string& shown) const {
    if (hidden[0] != '-') {
      return Mistake(program_, name, "unexpected argument '" + PrintablePath(shown) + "'");
    }
    std::vector<std::string_view> names;
    const auto collect = [&names](const std::vector<cli::Option>& options) {
      for (const cli::Option& option : options) {
        for (const std::string_view one : cli::NamesOf(option)) {
          if (one.starts_with("--")) names.push_back(one);
        }
      }
    };
    if (command_ != nullptr) collect(command_->options);
    collect(program_.options);
    const std::string option = hidden.substr(0, hidden.find('='));
    std::string text = "there is no option '" + PrintablePath(option) + "'";
    const std::string_view closest = cli::Closest(option, names);
    if (hidden.size() > 2 && !closest.empty()) {
      text += "; did you mean '" + std::string(closest) + "'?";
    }
    return Mistake(program_, name, text);
  }

  const cli::Program& program_;
  const cli::Command* command_;
  CLI::App app_;
  std::vector<Bound> bound_;
};

bool AsksForHelp(const cli::Command* command, const std::vector<std::string>& args) {
  const bool short_too = command == nullptr ||
                         (command->raw == nullptr && FindOption(command->options, "-h") == nullptr);
  for (const std::string& arg : args) {
    if (arg == "--") return false;
    if (arg == "--help" || (short_too && arg == "-h")) return true;
  }
  return false;
}

}  // namespace

cli::Outcome Parse(const cli::Program& program, const std::vector<std::string>& args) {
  const std::size_t at = CommandIndex(program, args);
  std::vector<std::string> rest(args.begin(), args.begin() + static_cast<std::ptrdiff_t>(at));
  if (at == args.size()) {
    if (AsksForHelp(nullptr, rest)) return Help(program, {});
    if (std::find(rest.begin(), rest.end(), "--version") != rest.end()) {
      return {.text = program.name + " " + program.version + "\n"};
    }
    cli::Outcome outcome = CommandApp(program, nullptr).Run(rest);
    if (outcome.exit_code != 0) return outcome;
    if (!program.default_command) return Help(program, {});
    outcome.command = *program.default_command;
    return outcome;
  }

  const cli::Command* command = FindCommand(program, args[at]);
  if (command == nullptr) {
    // What looks like a command may be the value of a misspelt option before it.
    const cli::Outcome outcome = CommandApp(program, nullptr).Run(rest);
    return outcome.exit_code != 0 ? outcome : UnknownCommand(program, args[at], false);
  }
  const std::vector<std::string> after(args.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                       args.end());
  if (AsksForHelp(command, rest) || AsksForHelp(command, after)) {
    return Help(program, {command->name});
  }
  if (command->name == "help") return Help(program, after);
  if (command->raw != nullptr) {
    *command->raw = after;
    cli::Outcome outcome = CommandApp(program, nullptr).Run(rest);
    if (outcome.exit_code == 0) outcome.command = command->name;
    return outcome;
  }
  rest.insert(rest.end(), after.begin(), after.end());
  return CommandApp(program, command).Run(rest);
}

}  // namespace fustor::cli11
