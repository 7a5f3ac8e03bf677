#include "adapters/posix/temp_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/check.h"

namespace fustor::posix {
namespace {

bool IsDots(std::string_view name) { return name == "." || name == ".."; }

// Paths may be longer than the kernel takes: everything goes by descriptors, one open per level.
void EmptyDirectory(int parent, const char* name) {
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  fchmod(fd, 0700);
  DIR* dir = fdopendir(fd);
  while (const dirent* entry = readdir(dir)) {
    if (IsDots(entry->d_name)) continue;
    if (unlinkat(fd, entry->d_name, 0) == 0) continue;
    EmptyDirectory(fd, entry->d_name);
    unlinkat(fd, entry->d_name, AT_REMOVEDIR);
  }
  closedir(dir);
}

void WriteTo(const std::string& path, std::string_view content, int flags) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0644);
  FUSTOR_CHECK(fd >= 0, path);
  FUSTOR_CHECK(write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  close(fd);
}

}  // namespace

TempTree::TempTree() {
  const char* parent = std::getenv("TMPDIR");
  path_ = std::string(parent != nullptr ? parent : "/tmp") + "/fustor-fs-XXXXXX";
  FUSTOR_CHECK(mkdtemp(path_.data()) != nullptr, "no directory for tests");
}

TempTree::~TempTree() {
  EmptyDirectory(AT_FDCWD, path_.c_str());
  rmdir(path_.c_str());
}

void TempTree::MakeDir(std::string_view view_path) const {
  FUSTOR_CHECK(mkdir(At(view_path).c_str(), 0755) == 0, view_path);
}

void TempTree::Write(std::string_view view_path, std::string_view content) const {
  WriteTo(At(view_path), content, O_CREAT | O_TRUNC);
}

void TempTree::Append(std::string_view view_path, std::string_view content) const {
  WriteTo(At(view_path), content, O_APPEND);
}

void TempTree::Symlink(std::string_view target, std::string_view view_path) const {
  FUSTOR_CHECK(symlink(std::string(target).c_str(), At(view_path).c_str()) == 0, view_path);
}

void TempTree::Link(std::string_view from, std::string_view to) const {
  FUSTOR_CHECK(link(At(from).c_str(), At(to).c_str()) == 0, to);
}

void TempTree::Rename(std::string_view from, std::string_view to) const {
  FUSTOR_CHECK(rename(At(from).c_str(), At(to).c_str()) == 0, from);
}

void TempTree::Remove(std::string_view view_path) const {
  FUSTOR_CHECK(unlink(At(view_path).c_str()) == 0, view_path);
}

void TempTree::RemoveDir(std::string_view view_path) const {
  FUSTOR_CHECK(rmdir(At(view_path).c_str()) == 0, view_path);
}

void TempTree::SetMode(std::string_view view_path, unsigned mode) const {
  FUSTOR_CHECK(chmod(At(view_path).c_str(), mode) == 0, view_path);
}

}  // namespace fustor::posix
