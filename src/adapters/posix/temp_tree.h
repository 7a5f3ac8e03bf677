// temp_tree.h: a directory that tests may fill, removed with everything in it at the end.
//
// For tests only. Not thread-safe. Calls end the test program when the system refuses.
#pragma once

#include <string>
#include <string_view>

namespace fustor::posix {

class TempTree {
 public:
  TempTree();
  ~TempTree();
  TempTree(const TempTree&) = delete;

  const std::string& path() const { return path_; }
  // The host's path of a view path ("/a/b").
  std::string At(std::string_view view_path) const { return path_ + std::string(view_path); }

  void MakeDir(std::string_view view_path) const;
  // Creates or overwrites; the file is closed again.
  void Write(std::string_view view_path, std::string_view content = "x") const;
  void Append(std::string_view view_path, std::string_view content) const;
  void Symlink(std::string_view target, std::string_view view_path) const;
  void Link(std::string_view from, std::string_view to) const;
  void Rename(std::string_view from, std::string_view to) const;
  void Remove(std::string_view view_path) const;     // A file or a symlink.
  void RemoveDir(std::string_view view_path) const;  // An empty directory.
  void SetMode(std::string_view view_path, unsigned mode) const;

 private:
  std::string path_;
};

}  // namespace fustor::posix
