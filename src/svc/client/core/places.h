// places.h: which view knows a path of the file system, and under which name.
//
// Pure. Paths are bytes, absolute and normal (base/path.h); a source root is one such path.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fustor::client {

// A directory of the file system that a view shows as "/".
struct Root {
  std::string view;
  std::string directory;
};

// "/data", "/data/" and "file:///data" name the same directory; nullopt: not a path at all.
std::optional<std::string> DirectoryOfSource(std::string_view source_uri);

struct Place {
  std::string view;
  std::string root;
  std::string path;  // In the view.

  // The path in the file system again, of an entry of the same view.
  std::string RealPath(std::string_view view_path) const;
};

// The view whose root is the longest one that holds `path`; the first of equals.
std::optional<Place> FindPlace(const std::vector<Root>& roots, std::string_view path);

// "a" in "/b" -> "/b/a", with "." and ".." taken out by their letters (a parent of "/" is "/").
// For paths that need not exist any more, where realpath(3) has no answer.
std::string AbsolutePath(std::string_view path, std::string_view working_directory);

// How an entry below what the user typed is printed: "dir" + "/a" -> "dir/a"; "." -> "./a";
// "/" -> "/a". `below` is "" or begins with '/'.
std::string PathAsTyped(std::string_view typed, std::string_view below);

}  // namespace fustor::client
