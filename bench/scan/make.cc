#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "scan_bench.h"

namespace fustor::bench {
namespace {

constexpr std::uint64_t kFilesPerDir = 100;
constexpr std::uint64_t kDirsPerDir = 100;

bool MakeLeaf(int parent, std::uint64_t leaf, std::uint64_t files) {
  char name[64];
  std::snprintf(name, sizeof name, "d%05llu", static_cast<unsigned long long>(leaf));
  if (mkdirat(parent, name, 0755) != 0) return false;
  const int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return false;
  bool ok = true;
  for (std::uint64_t i = 0; i < files && ok; ++i) {
    std::snprintf(name, sizeof name, "sample-%05llu-part%04llu.fits",
                  static_cast<unsigned long long>(leaf), static_cast<unsigned long long>(i));
    const int file = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    ok = file >= 0 && close(file) == 0;
  }
  close(dir);
  return ok;
}

std::string Marker(const std::string& root, std::uint64_t files) {
  return root + ".made-" + std::to_string(files);
}

}  // namespace

Counts MakeTree(const std::string& root, std::uint64_t files) {
  const std::uint64_t leaves = (files + kFilesPerDir - 1) / kFilesPerDir;
  const std::uint64_t tops = (leaves + kDirsPerDir - 1) / kDirsPerDir;
  Counts counts{.files = files, .dirs = leaves + tops + 1};
  // The marker lies beside the tree: it is written last and is not part of what is scanned.
  if (access(Marker(root, files).c_str(), F_OK) == 0) return counts;
  if (mkdir(root.c_str(), 0755) != 0) {
    std::perror(root.c_str());
    counts.ok = false;
    return counts;
  }
  int top = -1;
  for (std::uint64_t leaf = 0; leaf < leaves && counts.ok; ++leaf) {
    if (leaf % kDirsPerDir == 0) {
      if (top >= 0) close(top);
      const std::string path = root + "/t" + std::to_string(1000 + leaf / kDirsPerDir);
      counts.ok = mkdir(path.c_str(), 0755) == 0;
      top = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (leaf % std::max<std::uint64_t>(leaves / 10, 1) == 0) {
      std::fprintf(stderr, "  %llu of %llu files\n",
                   static_cast<unsigned long long>(leaf * kFilesPerDir),
                   static_cast<unsigned long long>(files));
    }
    counts.ok = counts.ok && top >= 0 &&
                MakeLeaf(top, leaf, std::min(kFilesPerDir, files - leaf * kFilesPerDir));
  }
  if (top >= 0) close(top);
  if (counts.ok) {
    const int marker = creat(Marker(root, files).c_str(), 0644);
    counts.ok = marker >= 0 && close(marker) == 0;
  }
  return counts;
}

}  // namespace fustor::bench
