#include "lib/cli/help.h"

#include <algorithm>

namespace fustor::cli {
namespace {

// Two columns: `left` at 2, `right` wrapped from kRightColumn on.
constexpr std::size_t kRightColumn = 26;

void AddRow(std::string_view left, std::string_view right, std::string* out) {
  std::string text = Wrap(right, kRightColumn, kHelpColumns);
  std::string head = "  " + std::string(left);
  if (text.empty()) {
    *out += head + '\n';
  } else if (head.size() + 2 <= kRightColumn) {
    head.resize(kRightColumn, ' ');
    *out += head;
    *out += std::string_view(text).substr(kRightColumn);
  } else {
    *out += head + '\n' + text;
  }
}

std::string OptionNames(const Option& option) {
  // Options without a short form line up with those that have one.
  std::string names = option.names.starts_with("--") ? "    " : "";
  for (const std::string_view name : NamesOf(option)) {
    if (!names.empty() && names.back() != ' ') names += ", ";
    names += name;
  }
  if (!option.value.empty()) names += " " + option.value;
  return names;
}

void AddOptions(std::string_view title, const std::vector<Option>& options, std::string* out) {
  if (options.empty()) return;
  *out += "\n" + std::string(title) + ":\n";
  for (const Option& option : options) AddRow(OptionNames(option), option.help, out);
}

void AddExamples(const std::vector<Example>& examples, std::string* out) {
  if (examples.empty()) return;
  *out += "\nExamples:\n";
  for (const Example& example : examples) {
    *out += "  " + example.command + "\n" + Wrap(example.what, 6, kHelpColumns);
  }
}

bool TakesMany(const Argument& argument) {
  return std::holds_alternative<std::vector<std::string>*>(argument.target);
}

// Edits between two words; a swap of neighbours is one edit (optimal string alignment).
std::size_t Distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> d((a.size() + 1) * width);
  const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return d[i * width + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i) at(i, 0) = i;
  for (std::size_t j = 0; j <= b.size(); ++j) at(0, j) = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
      }
    }
  }
  return at(a.size(), b.size());
}

}  // namespace

std::string Wrap(std::string_view text, std::size_t indent, std::size_t columns) {
  std::string out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::string row(indent, ' ');
    bool empty = true;
    while (!line.empty()) {
      const std::string_view word = line.substr(0, std::min(line.find(' '), line.size()));
      line.remove_prefix(std::min(word.size() + 1, line.size()));
      if (!empty && row.size() + 1 + word.size() > columns) {
        out += row + '\n';
        row.assign(indent, ' ');
        empty = true;
      }
      if (!empty) row += ' ';
      row += word;
      empty = false;
    }
    if (empty) row.clear();
    out += row + '\n';
  }
  return out;
}

std::vector<std::string_view> NamesOf(const Option& option) {
  std::vector<std::string_view> names;
  std::string_view rest = option.names;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    names.push_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return names;
}

std::string Listed(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

std::string UsageLine(const Program& program, const Command& command) {
  if (!command.usage.empty()) return command.usage;
  std::string line = program.name + " " + command.name;
  if (!command.options.empty()) line += " [OPTION]...";
  for (const Argument& argument : command.arguments) {
    const std::string dots = TakesMany(argument) ? "..." : "";
    line += argument.required ? " " + argument.name + dots : " [" + argument.name + "]" + dots;
  }
  return line;
}

std::string ProgramHelp(const Program& program) {
  std::string out = Wrap(program.description, 0, kHelpColumns);
  out += "\nUsage: " + program.name + " COMMAND [OPTION]... [ARGUMENT]...\n";
  const std::string* group = nullptr;
  for (const Command& command : program.commands) {
    if (group == nullptr || command.group != *group) {
      group = &command.group;
      out += "\n" + (group->empty() ? "Commands" : *group) + ":\n";
    }
    AddRow(command.name, command.summary, &out);
  }
  if (!program.topics.empty()) out += "\nTopics of '" + program.name + " help':\n";
  for (const Topic& topic : program.topics) AddRow(topic.name, topic.summary, &out);
  AddOptions("Options of every command", program.options, &out);
  AddExamples(program.examples, &out);
  if (!program.epilog.empty()) out += "\n" + Wrap(program.epilog, 0, kHelpColumns);
  return out;
}

std::string CommandHelp(const Program& program, const Command& command) {
  std::string out = "Usage: " + UsageLine(program, command) + "\n\n";
  out += Wrap(command.description, 0, kHelpColumns);
  if (!command.arguments.empty()) {
    out += "\nArguments:\n";
    for (const Argument& argument : command.arguments) AddRow(argument.name, argument.help, &out);
  }
  AddOptions("Options", command.options, &out);
  if (!command.details.empty()) out += "\n" + command.details;
  AddOptions("Options of every command", program.options, &out);
  AddExamples(command.examples, &out);
  return out;
}

std::string_view Closest(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  std::size_t best_distance = word.size() / 3 + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = Distance(word, candidate);
    if (distance < best_distance || (best.empty() && distance == best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace fustor::cli
