#include "svc/agent/core/selection.h"

#include "base/path.h"

namespace fustor::agent {

Selection::Selection(const std::vector<std::string>& exclude, const std::string& file_pattern) {
  for (std::string pattern : exclude) {
    const bool directories_only = pattern.size() > 1 && pattern.ends_with('/');
    if (directories_only) pattern.pop_back();
    std::vector<Rule>& rules = pattern.starts_with('/') ? paths_ : names_;
    rules.push_back({glob::Glob(std::move(pattern)), directories_only});
  }
  if (!file_pattern.empty() && file_pattern != "*") files_.emplace(file_pattern);
}

Status Selection::Check(std::string_view exclude) {
  if (exclude.empty()) return {Code::kInvalidArgument, "an empty pattern excludes nothing"};
  if (exclude == "/") return {Code::kInvalidArgument, "'/' would leave nothing to report"};
  const std::string_view inner = exclude.substr(0, exclude.size() - 1);
  if (!exclude.starts_with('/') && inner.find('/') != std::string_view::npos) {
    return {Code::kInvalidArgument,
            "a pattern with '/' in it begins with '/': '/" + std::string(exclude) +
                "' from the root of the source, '*' stands for any number of directories"};
  }
  return {};
}

bool Selection::LeavesOut(std::string_view directory, std::string_view name,
                          bool is_directory) const {
  if (files_ && !is_directory && !files_->Matches(name)) return true;
  for (const Rule& rule : names_) {
    if ((is_directory || !rule.directories_only) && rule.glob.Matches(name)) return true;
  }
  if (paths_.empty()) return false;
  const std::string path = JoinPath(directory, name);
  for (const Rule& rule : paths_) {
    if ((is_directory || !rule.directories_only) && rule.glob.Matches(path)) return true;
  }
  return false;
}

}  // namespace fustor::agent
