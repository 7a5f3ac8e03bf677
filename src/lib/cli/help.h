// help.h: the words in which a program explains its command line.
//
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/cli/command.h"

namespace fustor::cli {

inline constexpr std::size_t kHelpColumns = 88;

// What the program is, its commands under the titles of their groups, its topics, its common
// options, examples.
std::string ProgramHelp(const Program& program);

// Usage, what it does, arguments, options, examples.
std::string CommandHelp(const Program& program, const Command& command);

// The names of an option one by one: "-L,--max-depth" -> "-L", "--max-depth".
std::vector<std::string_view> NamesOf(const Option& option);

// "size, files or mtime"
std::string Listed(const std::vector<std::string>& words);

// "fustor ls [OPTION]... [PATH]..."
std::string UsageLine(const Program& program, const Command& command);

// The candidate that is most like `word`, or empty when none is close: at most a third of the word
// differs (swapped neighbours count once).
std::string_view Closest(std::string_view word, const std::vector<std::string_view>& candidates);

// Breaks text at spaces so that lines have at most `columns` bytes, each after `indent` spaces.
// Line feeds in the text stay. Ends with a line feed unless text is empty.
std::string Wrap(std::string_view text, std::size_t indent, std::size_t columns);

}  // namespace fustor::cli
