#include "svc/client/core/places.h"

#include "base/path.h"

namespace fustor::client {

std::optional<std::string> DirectoryOfSource(std::string_view source_uri) {
  if (source_uri.starts_with("file://")) source_uri.remove_prefix(7);
  if (!source_uri.starts_with('/')) return std::nullopt;
  Result<std::string> normal = NormalizeViewPath(source_uri);
  if (!normal.ok()) return std::nullopt;
  return *std::move(normal);
}

std::string Place::RealPath(std::string_view view_path) const {
  if (view_path == "/") return root;
  return root == "/" ? std::string(view_path) : root + std::string(view_path);
}

std::optional<Place> FindPlace(const std::vector<Root>& roots, std::string_view path) {
  const Root* best = nullptr;
  for (const Root& root : roots) {
    if (!IsWithin(path, root.directory)) continue;
    if (best == nullptr || root.directory.size() > best->directory.size()) best = &root;
  }
  if (best == nullptr) return std::nullopt;
  std::string_view below = path;
  if (best->directory != "/") below.remove_prefix(best->directory.size());
  return Place{best->view, best->directory, below.empty() ? "/" : std::string(below)};
}

std::string AbsolutePath(std::string_view path, std::string_view working_directory) {
  std::string joined;
  if (!path.starts_with('/')) joined = std::string(working_directory) + "/";
  joined += path;
  std::string out;
  std::string_view rest = joined;
  for (;;) {
    const std::string_view name = NextComponent(&rest);
    if (name.empty()) break;
    if (name == ".") continue;
    if (name == "..") {
      out.resize(out.empty() ? 0 : out.rfind('/'));
      continue;
    }
    out += '/';
    out += name;
  }
  return out.empty() ? "/" : out;
}

std::string PathAsTyped(std::string_view typed, std::string_view below) {
  std::string out(typed);
  if (below.empty()) return out;
  if (out.ends_with('/')) out.pop_back();
  out += below;
  return out;
}

}  // namespace fustor::client
