// scan_bench.h: what scan_bench does; each is a program of its own.
#pragma once

#include <cstdint>
#include <string>

namespace fustor::bench {

struct Counts {
  std::uint64_t files = 0;
  std::uint64_t dirs = 0;
  bool ok = true;
};

// Makes `files` empty files, 100 in each directory, names of 28 bytes, in two levels of
// directories. Does nothing when a finished tree of that size is already there.
Counts MakeTree(const std::string& root, std::uint64_t files);

// The floor: getdents64 and statx, the top directories dealt out to the threads before the start.
Counts ScanBare(const std::string& root, unsigned threads);

// The floor of whoever wants names only: getdents64 of every directory, no look at any file.
Counts ListBare(const std::string& root, unsigned threads);

// The posix tree, asked as a scanner asks it: many directories in flight, no watches.
Counts ScanOurs(const std::string& root, unsigned threads, unsigned calls, unsigned batch);

}  // namespace fustor::bench
