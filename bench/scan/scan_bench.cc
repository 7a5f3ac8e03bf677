// scan_bench: how fast a tree can be listed with all attributes, against the floor of the kernel.
//
//   scan_bench make DIR [--files N]
//   scan_bench bare DIR [--threads N]
//   scan_bench names DIR [--threads N]
//   scan_bench ours DIR [--threads N] [--calls N] [--batch N]
//
// One line of JSON each. Compare runs of `bare` and `ours` that follow each other closely.
#include "scan_bench.h"

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace fustor::bench {
namespace {

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint64_t Option(int argc, char** argv, const char* name, std::uint64_t otherwise) {
  for (int i = 3; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) == name) return std::strtoull(argv[i + 1], nullptr, 10);
  }
  return otherwise;
}

int Run(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: scan_bench make|bare|names|ours DIR [--files N] [--threads N]\n");
    return 2;
  }
  const std::string_view what = argv[1];
  const std::string dir = argv[2];
  const auto threads = static_cast<unsigned>(Option(argc, argv, "--threads", 1));
  const auto start = std::chrono::steady_clock::now();
  Counts counts{.ok = false};
  if (what == "make") counts = MakeTree(dir, Option(argc, argv, "--files", 1'000'000));
  if (what == "bare") counts = ScanBare(dir, threads);
  if (what == "names") counts = ListBare(dir, threads);
  if (what == "ours") {
    counts =
        ScanOurs(dir, threads, static_cast<unsigned>(Option(argc, argv, "--calls", 2 * threads)),
                 static_cast<unsigned>(Option(argc, argv, "--batch", 8)));
  }
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf(
      "{\"what\": \"%s\", \"threads\": %u, \"files\": %llu, \"dirs\": %llu, \"wall_s\": %.3f, "
      "\"cpu_s\": %.3f, \"files_per_s\": %.0f, \"ok\": %s}\n",
      argv[1], threads, static_cast<unsigned long long>(counts.files),
      static_cast<unsigned long long>(counts.dirs), wall, CpuSeconds(),
      static_cast<double>(counts.files) / wall, counts.ok ? "true" : "false");
  return counts.ok ? 0 : 1;
}

}  // namespace
}  // namespace fustor::bench

int main(int argc, char** argv) { return fustor::bench::Run(argc, argv); }
