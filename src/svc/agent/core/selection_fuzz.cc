// Feeds arbitrary patterns and names to what is excluded, and compares it with fnmatch(3).
//
// The input is lines: the pattern of files, two patterns that exclude, the directory, the name.
#include <fnmatch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/fuzz_testing.h"
#include "base/path.h"
#include "svc/agent/core/selection.h"

namespace fustor::agent {
namespace {

// What fnmatch(3) says; nullopt where it knows more than a Glob (collation), takes too long, or
// reads a bracket that is not closed in its own way.
std::optional<bool> ByFnmatch(const std::string& pattern, const std::string& text) {
  if (pattern.size() > 40 || text.size() > 60) return std::nullopt;
  if (pattern.find('\0') != std::string::npos || text.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  if (pattern.find('[') != std::string::npos) return std::nullopt;
  return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

void CheckGlob(std::string_view pattern, std::string_view text) {
  const glob::Glob glob{std::string(pattern)};
  const bool matches = glob.Matches(text);
  if (const auto expected = ByFnmatch(std::string(pattern), std::string(text))) {
    FUSTOR_CHECK(matches == *expected, "not as fnmatch(3)");
  }
  if (!matches) return;
  FUSTOR_CHECK(text.starts_with(glob.head()) && text.ends_with(glob.tail()));
  FUSTOR_CHECK(text.find(glob.core()) != std::string_view::npos);
}

bool Matches(std::string_view pattern, std::string_view text) {
  return glob::Glob(std::string(pattern)).Matches(text);
}

// The sentence of selection.h, word by word.
bool LeftOut(const std::vector<std::string>& exclude, const std::string& file_pattern,
             std::string_view directory, std::string_view name, bool is_directory) {
  const bool all_files = file_pattern.empty() || file_pattern == "*";
  if (!is_directory && !all_files && !Matches(file_pattern, name)) return true;
  for (std::string_view pattern : exclude) {
    if (pattern.size() > 1 && pattern.ends_with('/')) {
      if (!is_directory) continue;
      pattern.remove_suffix(1);
    }
    const bool whole = pattern.starts_with('/');
    if (Matches(pattern, whole ? JoinPath(directory, name) : std::string(name))) return true;
  }
  return false;
}

void Check(std::string_view bytes) {
  std::vector<std::string_view> lines = FuzzLines(bytes, 5);
  lines.resize(5);
  const std::string file_pattern(lines[0]);
  std::vector<std::string> exclude;
  for (const std::string_view pattern : {lines[1], lines[2]}) {
    if (Selection::Check(pattern).ok()) exclude.emplace_back(pattern);
  }
  const std::string name(lines[4]);
  for (const std::string_view pattern : {lines[0], lines[1], lines[2]}) CheckGlob(pattern, name);
  const std::string directory = NormalizeViewPath(lines[3]).value_or("/");
  if (name.find('/') != std::string::npos || name.empty()) return;
  const Selection selection(exclude, file_pattern);
  for (const bool is_directory : {false, true}) {
    const bool left_out = selection.LeavesOut(directory, name, is_directory);
    FUSTOR_CHECK(left_out == LeftOut(exclude, file_pattern, directory, name, is_directory));
    FUSTOR_CHECK(!selection.everything() || !left_out);
  }
}

}  // namespace
}  // namespace fustor::agent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::agent::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
