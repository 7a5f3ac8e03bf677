// selection.h: which entries of a source are reported at all.
//
// Pure; immutable after construction.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lib/glob/glob.h"

namespace fustor::agent {

class Selection {
 public:
  // Everything.
  Selection() = default;
  // `exclude`: globs. One that begins with '/' is matched against the whole path below the root of
  // the source ('*' matches '/' too), any other against the name; one that ends with '/' means
  // directories only. What is below an excluded directory is not looked at either.
  // `file_pattern`: names of files must match it; directories need not. Empty or "*": all.
  Selection(const std::vector<std::string>& exclude, const std::string& file_pattern);

  // Ok, or what is wrong with a pattern.
  static Status Check(std::string_view exclude);

  bool everything() const { return names_.empty() && paths_.empty() && !files_; }
  // What is excluded may depend on where a directory lies.
  bool by_path() const { return !paths_.empty(); }
  // REQUIRES: the directory itself is not left out.
  bool LeavesOut(std::string_view directory, std::string_view name, bool is_directory) const;

 private:
  struct Rule {
    glob::Glob glob;
    bool directories_only = false;
  };
  std::vector<Rule> names_;
  std::vector<Rule> paths_;
  std::optional<glob::Glob> files_;
};

}  // namespace fustor::agent
