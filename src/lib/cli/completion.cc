#include "lib/cli/completion.h"

#include <string_view>
#include <utility>

#include "lib/cli/help.h"

namespace fustor::cli {
namespace {

// A word that a shell reads as it is.
std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

template <class Words>
std::string Spaced(const Words& words) {
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

bool TakesValue(const Option& option) { return !std::holds_alternative<bool*>(option.target); }

std::string FunctionName(const Program& program) {
  std::string name = "_" + program.name;
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

std::vector<std::string> CommandNames(const Program& program) {
  std::vector<std::string> names;
  for (const Command& command : program.commands) names.push_back(command.name);
  return names;
}

// What may stand behind `help`.
std::vector<std::string> HelpNames(const Program& program) {
  std::vector<std::string> names = CommandNames(program);
  for (const Topic& topic : program.topics) names.push_back(topic.name);
  return names;
}

// The options of a command, those of every command behind its own. nullptr: before any command.
std::vector<const Option*> OptionsOf(const Program& program, const Command* command) {
  std::vector<const Option*> options;
  if (command != nullptr) {
    for (const Option& option : command->options) options.push_back(&option);
  }
  for (const Option& option : program.options) options.push_back(&option);
  return options;
}

std::string OptionWords(const Program& program, const Command* command) {
  std::vector<std::string> words;
  if (command != nullptr) {
    for (const std::string& word : command->raw_words) {
      if (word.starts_with('-')) words.push_back(word);
    }
  }
  for (const Option* option : OptionsOf(program, command)) {
    for (const std::string_view name : NamesOf(*option)) {
      if (command == nullptr || command->raw == nullptr || name.starts_with("--")) {
        words.emplace_back(name);
      }
    }
  }
  words.emplace_back("--help");
  if (command == nullptr) words.emplace_back("--version");
  return Spaced(words);
}

// bash and zsh share one script; they differ in how they take what is offered.
class ShellScript {
 public:
  ShellScript(const Program& program, std::string words, std::string files, std::string directories)
      : program_(program),
        words_(std::move(words)),
        files_(std::move(files)),
        directories_(std::move(directories)) {}

  // Sets `command` from `line`, the words before the one that is completed.
  std::string FindCommand() const {
    std::string values;
    for (const Option& option : program_.options) {
      if (!TakesValue(option)) continue;
      for (const std::string_view name : NamesOf(option)) {
        values += (values.empty() ? "" : "|") + std::string(name);
      }
    }
    std::string out = "  for word in \"${line[@]}\"; do\n    case $skip$word in\n";
    if (!values.empty()) out += "      " + values + ") skip=yes; continue ;;\n";
    return out +
           "      yes*) skip= ;;\n      -*) ;;\n"
           "      *) if [[ -z $command ]]; then command=$word; else count=$((count + 1)); fi ;;\n"
           "    esac\n  done\n";
  }

  std::string Offers() const {
    std::string out = "  case $command in\n";
    out += "    '')\n" + Values(nullptr) + Line("      ", "if [[ $cur == -* ]]; then");
    out += Words("        ", OptionWords(program_, nullptr)) + "      else\n";
    out += Words("        ", Spaced(CommandNames(program_))) + "      fi\n      ;;\n";
    for (const Command& command : program_.commands) {
      out += "    " + command.name + ")\n" + Values(&command);
      out += Line("      ", "if [[ $cur == -* ]]; then");
      out += Words("        ", OptionWords(program_, &command)) + "      else\n";
      out += Arguments(command) + "      fi\n      ;;\n";
    }
    return out + "  esac\n";
  }

 private:
  static std::string Line(std::string_view indent, std::string_view text) {
    return std::string(indent) + std::string(text) + "\n";
  }
  std::string Words(std::string_view indent, const std::string& words) const {
    return Line(indent, words_ + " " + Quoted(words));
  }
  std::string Offered(std::string_view indent, const std::vector<std::string>& choices,
                      Offer offer) const {
    if (!choices.empty()) return Words(indent, Spaced(choices));
    if (offer == Offer::kPath) return Line(indent, files_);
    if (offer == Offer::kDirectory) return Line(indent, directories_);
    if (offer == Offer::kCommand) return Words(indent, Spaced(HelpNames(program_)));
    return Line(indent, ":");
  }

  // What stands behind an option that takes a value.
  std::string Values(const Command* command) const {
    std::string arms;
    for (const Option* option : OptionsOf(program_, command)) {
      if (!TakesValue(*option)) continue;
      std::string names;
      for (const std::string_view name : NamesOf(*option)) {
        names += (names.empty() ? "" : "|") + std::string(name);
      }
      arms += "        " + names + ")\n" + Offered("          ", option->choices, option->offer) +
              "          return\n          ;;\n";
    }
    return arms.empty() ? "" : "      case $prev in\n" + arms + "      esac\n";
  }

  std::string Arguments(const Command& command) const {
    if (command.raw != nullptr) return Line("        ", files_);
    if (command.arguments.empty()) return Line("        ", ":");
    std::string out = "        case $count in\n";
    for (std::size_t i = 0; i < command.arguments.size(); ++i) {
      const Argument& argument = command.arguments[i];
      const bool many = std::holds_alternative<std::vector<std::string>*>(argument.target);
      out += "          " + (many ? "*" : std::to_string(i)) + ")\n" +
             Offered("            ", argument.choices, argument.offer) + "            ;;\n";
    }
    return out + "        esac\n";
  }

  const Program& program_;
  const std::string words_, files_, directories_;
};

}  // namespace

std::string BashCompletion(const Program& program) {
  const std::string function = FunctionName(program);
  const ShellScript script(program, function + "_words", function + "_paths -f",
                           function + "_paths -d");
  std::string out = "# Completion of " + program.name + " in bash, made by: " + program.name +
                    " completion bash\n\n";
  out += function +
         "_words() {\n"
         "  COMPREPLY=($(compgen -W \"$1\" -- \"$cur\"))\n"
         "}\n\n";
  // One name a line: names with a line feed in them are not offered whole.
  out += function +
         "_paths() {\n"
         "  local IFS=$'\\n'\n"
         "  compopt -o filenames 2>/dev/null\n"
         "  COMPREPLY=($(compgen \"$1\" -- \"$cur\"))\n"
         "}\n\n";
  out += function +
         "() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local command= skip= word count=0\n"
         "  local line=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n"
         "  COMPREPLY=()\n"
         "  # bash takes --by=size apart at the sign.\n"
         "  if [[ $cur == '=' ]]; then\n"
         "    cur=\n"
         "  elif [[ $prev == '=' ]]; then\n"
         "    prev=${COMP_WORDS[COMP_CWORD-2]}\n"
         "  fi\n";
  out += script.FindCommand() + script.Offers() + "}\n\ncomplete -F " + function + " " +
         program.name + "\n";
  return out;
}

std::string ZshCompletion(const Program& program) {
  const std::string function = FunctionName(program);
  const ShellScript script(program, function + "_words", "_files", "_files -/");
  std::string out = "#compdef " + program.name + "\n# Completion of " + program.name +
                    " in zsh, made by: " + program.name + " completion zsh\n\n";
  out += function + "_words() {\n  compadd -- ${=1}\n}\n\n";
  out += function +
         "() {\n"
         "  local cur=${words[CURRENT]} prev=${words[CURRENT-1]}\n"
         "  local command= skip= word count=0\n"
         "  local -a line\n"
         "  line=(${words[2,CURRENT-1]})\n"
         "  if [[ $cur == --*=* ]]; then\n"
         "    prev=${cur%%=*}\n"
         "    compset -P '*='\n"
         "    cur=${cur#*=}\n"
         "  fi\n";
  out += script.FindCommand() + script.Offers() + "}\n\n";
  // Sourced or found by name: either must do.
  out += "if [[ $funcstack[1] == " + function + " ]]; then\n  " + function + " \"$@\"\nelse\n  " +
         "compdef " + function + " " + program.name + "\nfi\n";
  return out;
}

namespace {

// What fish has no word for: the command, and how many arguments stand behind it already.
std::string FishFunctions(const Program& program, const std::string& function) {
  std::string values;
  const auto add = [&values](const std::vector<Option>& options) {
    for (const Option& option : options) {
      if (TakesValue(option)) values += " " + Spaced(NamesOf(option));
    }
  };
  add(program.options);
  for (const Command& command : program.commands) {
    if (command.raw == nullptr) add(command.options);
  }
  return "function " + function +
         "_line\n"
         "  set -l skip\n"
         "  for word in (commandline -opc)[2..-1]\n"
         "    if test -n \"$skip\"\n"
         "      set skip\n"
         "    else if contains -- $word" +
         values +
         "\n"
         "      set skip yes\n"
         "    else if not string match -q -- '-*' $word\n"
         "      echo -- $word\n"
         "    end\n"
         "  end\n"
         "end\n\n"
         // is COMMAND [PLACE]: whether the argument at this place, any without one, comes next.
         "function " +
         function +
         "_is\n"
         "  set -l line (" +
         function +
         "_line)\n"
         "  test \"$line[1]\" = \"$argv[1]\"; or return 1\n"
         "  test -z \"$argv[2]\"; or test (count $line) -eq (math $argv[2] + 1)\n"
         "end\n\n";
}

// The options of fish's `complete` for one of ours.
std::string FishOption(const std::string& head, const Option& option) {
  std::string out = head;
  for (const std::string_view name : NamesOf(option)) {
    out += name.starts_with("--") ? " -l " + std::string(name.substr(2))
                                  : " -s " + std::string(name.substr(1));
  }
  if (TakesValue(option)) {
    out += " -x";
    if (!option.choices.empty()) out += " -a " + Quoted(Spaced(option.choices));
    if (option.offer == Offer::kPath) out += " -a '(__fish_complete_path)'";
    if (option.offer == Offer::kDirectory) out += " -a '(__fish_complete_directories)'";
  }
  return out + " -d " + Quoted(option.help) + "\n";
}

std::string FishArgument(const std::string& head, const Program& program,
                         const Argument& argument) {
  if (!argument.choices.empty()) return head + " -a " + Quoted(Spaced(argument.choices)) + "\n";
  switch (argument.offer) {
    case Offer::kPath:
      return head + " -F\n";
    case Offer::kDirectory:
      return head + " -a '(__fish_complete_directories)'\n";
    case Offer::kCommand:
      return head + " -a " + Quoted(Spaced(HelpNames(program))) + "\n";
    case Offer::kNothing:
      break;
  }
  return "";
}

std::string FishCommand(const Program& program, const Command& command,
                        const std::string& function) {
  const auto head = [&](const std::string& place) {
    return "complete -c " + program.name + " -n " +
           Quoted(function + "_is " + command.name + place);
  };
  std::string out;
  for (const Option& option : command.options) out += FishOption(head(""), option);
  for (std::size_t i = 0; i < command.arguments.size(); ++i) {
    const Argument& argument = command.arguments[i];
    const bool many = std::holds_alternative<std::vector<std::string>*>(argument.target);
    // Several arguments come last; those before them have places.
    const bool any_place = many && i == 0;
    out += FishArgument(head(any_place ? "" : " " + std::to_string(i)), program, argument);
  }
  if (command.raw == nullptr) return out;
  out += head("") + " -F\n";
  for (const std::string& word : command.raw_words) {
    if (!word.starts_with('-') || word.starts_with("--")) continue;
    out += head("") + " -o " + word.substr(1) + "\n";
  }
  return out;
}

}  // namespace

std::string FishCompletion(const Program& program) {
  const std::string function = "_" + FunctionName(program);
  const std::string head = "complete -c " + program.name;
  const std::string first = head + " -n " + Quoted("not " + function + "_line | read");
  std::string out = "# Completion of " + program.name + " in fish, made by: " + program.name +
                    " completion fish\n\n" + FishFunctions(program, function) + head + " -f\n";
  for (const Command& command : program.commands) {
    out += first + " -a " + Quoted(command.name) + " -d " + Quoted(command.summary) + "\n";
  }
  out += first + " -l version\n" + head + " -l help -d 'Explain the command.'\n";
  for (const Option& option : program.options) out += FishOption(head, option);
  for (const Command& command : program.commands) out += FishCommand(program, command, function);
  return out;
}

}  // namespace fustor::cli
