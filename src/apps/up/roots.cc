#include "apps/up/roots.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <set>

#include "adapters/posix/fd.h"
#include "base/path.h"

namespace fustor::up {
namespace {

constexpr std::size_t kViewIdBytesMax = 64;

bool MayStand(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

Result<std::string> ResolveOne(const std::string& given) {
  char resolved[PATH_MAX];
  if (::realpath(given.c_str(), resolved) == nullptr) return posix::ErrnoStatus(errno, given);
  struct stat st;
  if (::stat(resolved, &st) != 0) return posix::ErrnoStatus(errno, given);
  if (!S_ISDIR(st.st_mode)) {
    return Status(Code::kFailedPrecondition,
                  given + ": not a directory; give the directory that it lies in");
  }
  return std::string(resolved);
}

}  // namespace

std::string ViewId(std::string_view directory) {
  std::string_view name = directory.substr(directory.find_last_of('/') + 1);
  if (name.empty()) name = "root";
  std::string id;
  for (const char c : name.substr(0, kViewIdBytesMax)) id += MayStand(c) ? c : '_';
  return id;
}

Result<std::vector<Root>> ResolveRoots(const std::vector<std::string>& given) {
  std::vector<Root> roots;
  std::set<std::string> taken;
  for (const std::string& path : given.empty() ? std::vector<std::string>{"."} : given) {
    FUSTOR_TRY_ASSIGN(std::string directory, ResolveOne(path));
    for (const Root& other : roots) {
      if (other.directory == directory) {
        return Status(Code::kInvalidArgument, path + ": given twice (" + directory + ")");
      }
      const bool inside = IsWithin(directory, other.directory);
      if (inside || IsWithin(other.directory, directory)) {
        const std::string& outer = inside ? other.directory : directory;
        const std::string& inner = inside ? directory : other.directory;
        return Status(Code::kInvalidArgument,
                      inner + ": lies inside " + outer + ", whose view shows it already");
      }
    }
    const std::string wanted = ViewId(directory);
    std::string id = wanted;
    for (int n = 2; !taken.insert(id).second; ++n) id = wanted + "-" + std::to_string(n);
    roots.push_back({std::move(id), std::move(directory)});
  }
  return roots;
}

}  // namespace fustor::up
