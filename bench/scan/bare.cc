#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <thread>

#include "scan_bench.h"

namespace fustor::bench {
namespace {

struct Dirent {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

constexpr std::size_t kBufferBytes = 256 * 1024;

bool IsDots(const char* name) {
  return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

// Whether the kernel is asked for the attributes of every entry, or only for its name and type.
enum class Depth { kNames, kAttributes };

// Looks at every entry of `dir`; the names of directories go to `*below`.
void ScanOne(int dir, Depth depth, char* buffer, Counts* counts, std::vector<std::string>* below) {
  ++counts->dirs;
  for (;;) {
    const long n = syscall(SYS_getdents64, dir, buffer, kBufferBytes);
    if (n <= 0) {
      counts->ok = counts->ok && n == 0;
      return;
    }
    for (long at = 0; at < n;) {
      const char* name = buffer + at + offsetof(Dirent, name);
      std::uint16_t size = 0;
      std::memcpy(&size, buffer + at + offsetof(Dirent, size), sizeof size);
      at += size;
      if (IsDots(name)) continue;
      std::uint8_t type = 0;
      std::memcpy(&type, name - offsetof(Dirent, name) + offsetof(Dirent, type), sizeof type);
      struct statx st{};
      if (depth == Depth::kNames && type != DT_UNKNOWN) {
        st.stx_mode = static_cast<std::uint16_t>(DTTOIF(type));
      } else if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
                       STATX_BASIC_STATS, &st) != 0) {
        counts->ok = false;
        continue;
      }
      if (S_ISDIR(st.stx_mode)) {
        below->push_back(name);
      } else {
        ++counts->files;
      }
    }
  }
}

void ScanBelow(int parent, const std::string& name, Depth depth, char* buffer, Counts* counts) {
  const int dir = openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (dir < 0) {
    counts->ok = false;
    return;
  }
  std::vector<std::string> below;
  ScanOne(dir, depth, buffer, counts, &below);
  for (const std::string& child : below) ScanBelow(dir, child, depth, buffer, counts);
  close(dir);
}

Counts Scan(const std::string& root, unsigned threads, Depth depth) {
  Counts total;
  const int dir = open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return {.ok = false};
  std::vector<std::string> tops;
  std::vector<char> buffer(kBufferBytes);
  ScanOne(dir, depth, buffer.data(), &total, &tops);
  std::vector<Counts> parts(threads);
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      std::vector<char> own(kBufferBytes);
      Counts counts;
      for (std::size_t i = t; i < tops.size(); i += threads) {
        ScanBelow(dir, tops[i], depth, own.data(), &counts);
      }
      parts[t] = counts;
    });
  }
  for (std::thread& thread : running) thread.join();
  close(dir);
  for (const Counts& part : parts) {
    total.files += part.files;
    total.dirs += part.dirs;
    total.ok = total.ok && part.ok;
  }
  return total;
}

}  // namespace

Counts ScanBare(const std::string& root, unsigned threads) {
  return Scan(root, threads, Depth::kAttributes);
}

Counts ListBare(const std::string& root, unsigned threads) {
  return Scan(root, threads, Depth::kNames);
}

}  // namespace fustor::bench
