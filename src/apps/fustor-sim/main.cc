// fustor-sim: runs the simulation over many seeds, each in a process of its own, and says which
// fail.

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "adapters/cli11/parse.h"
#include "lib/cli/command.h"
#include "sim/scenarios/share.h"

namespace fustor::sim {
namespace {

constexpr std::uint64_t kSeedsUsual = 200;
constexpr std::uint64_t kSecondsUsual = 300;
// A run that takes more of a processor than this hangs. Not the wall's time: the machine may be
// busy.
constexpr rlim_t kProcessorSecondsMax = 300;

struct Arguments {
  std::optional<std::uint64_t> seeds;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> hours;
  std::optional<std::uint64_t> seconds;
  std::optional<std::uint64_t> jobs;
  bool strict_links = false;
  bool verbose = false;
};

cli::Program ProgramOf(Arguments* arguments) {
  cli::Program program;
  program.name = "fustor-sim";
  program.version = "0.1.0";
  program.description = "Agent and Fusion in a virtual world";
  cli::Command run;
  run.name = "run";
  run.summary = "run seeds; exit 1 when one of them fails";
  program.options = {
      {"--seeds", "N", "how many seeds (default 200)", &arguments->seeds},
      {"--first", "S", "the first of them (default 1)", &arguments->first},
      {"--seed", "S", "replay this one seed, twice, and compare", &arguments->seed},
      {"--hours", "H", "virtual hours of work and faults for each seed", &arguments->hours},
      {"--seconds", "T", "the same in seconds (default 300)", &arguments->seconds},
      {"-j,--jobs", "N", "seeds at once (default: processors)", &arguments->jobs},
      {"--strict-links", "", "files with several links must be right at all times",
       &arguments->strict_links},
      {"-v,--verbose", "", "print what happens (with --seed)", &arguments->verbose},
  };
  program.commands.push_back(std::move(run));
  program.default_command = "run";
  return program;
}

ConvergeOptions OptionsFor(const Arguments& arguments, std::uint64_t seed) {
  ConvergeOptions options;
  options.seed = seed;
  options.strict_links = arguments.strict_links;
  options.busy = Seconds(arguments.seconds.value_or(kSecondsUsual));
  if (arguments.hours) options.busy = Seconds(*arguments.hours * 3600);
  return options;
}

std::string ReplayCommand(const Arguments& arguments, std::uint64_t seed) {
  std::string command = "./dev sim --seed " + std::to_string(seed);
  if (arguments.hours) command += " --hours " + std::to_string(*arguments.hours);
  if (arguments.seconds) command += " --seconds " + std::to_string(*arguments.seconds);
  if (arguments.strict_links) command += " --strict-links";
  return command + " -v";
}

std::string Describe(const ConvergeReport& report) {
  std::string text = "  " + report.setting + "\n  " + report.failed_when + ", after " +
                     std::to_string(report.steps) +
                     " steps: " + std::to_string(report.difference_count) + " differences\n";
  for (const std::string& line : report.differences) text += "    " + line + "\n";
  return text;
}

// One line that the parent reads, then what is to be printed.
std::string Pack(const ConvergeReport& report) {
  return std::to_string(report.hash) + " " + std::to_string(report.calls) + " " +
         std::to_string(report.virtual_time.count()) + "\n" +
         (report.ok ? std::string() : Describe(report));
}

void WriteAll(int fd, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = write(fd, text.data() + at, text.size() - at);
    if (n <= 0) return;
    at += static_cast<std::size_t>(n);
  }
}

struct Child {
  std::uint64_t seed = 0;
  pid_t pid = 0;
  int fd = -1;
  std::string output;
};

class Campaign {
 public:
  explicit Campaign(const Arguments& arguments) : arguments_(arguments) {}

  int Run() {
    const std::uint64_t first = arguments_.first.value_or(1);
    const std::uint64_t count = arguments_.seeds.value_or(kSeedsUsual);
    const auto cpus = static_cast<std::uint64_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
    const std::uint64_t jobs = std::max<std::uint64_t>(1, arguments_.jobs.value_or(cpus));
    std::uint64_t next = first;
    while (next < first + count || !children_.empty()) {
      while (children_.size() < jobs && next < first + count) Start(next++);
      WaitForOne();
      Progress(count);
    }
    if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K");
    const double wall = std::chrono::duration<double>(Clock::now() - begin_).count();
    std::printf("%llu seeds: %.1f virtual hours, %llu system calls in %.1f s; hash %016llx\n",
                Number(done_), static_cast<double>(virtual_ns_) / 3.6e12, Number(calls_), wall,
                Number(hash_));
    std::printf("%llu passed, %llu failed\n", Number(done_ - failed_), Number(failed_));
    return failed_ == 0 ? cli::kExitOk : cli::kExitFailed;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static unsigned long long Number(std::uint64_t n) { return n; }

  void Start(std::uint64_t seed) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    std::fflush(nullptr);
    const pid_t pid = fork();
    if (pid < 0) std::abort();
    if (pid == 0) {
      const rlimit limit{kProcessorSecondsMax, kProcessorSecondsMax};
      setrlimit(RLIMIT_CPU, &limit);
      const ConvergeReport report = RunSeed(OptionsFor(arguments_, seed));
      WriteAll(ends[1], Pack(report));
      _exit(report.ok ? 0 : 1);
    }
    close(ends[1]);
    children_.push_back({seed, pid, ends[0], {}});
  }

  // Until one of the children has ended.
  void WaitForOne() {
    for (;;) {
      std::vector<pollfd> fds;
      for (const Child& child : children_) fds.push_back({child.fd, POLLIN, 0});
      poll(fds.data(), fds.size(), -1);
      for (std::size_t i = 0; i < fds.size(); ++i) {
        Child& child = children_[i];
        if (fds[i].revents == 0) continue;
        char buffer[4096];
        const ssize_t n = read(child.fd, buffer, sizeof buffer);
        if (n > 0) {
          child.output.append(buffer, static_cast<std::size_t>(n));
          continue;
        }
        Ended(child);
        children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
        return;
      }
    }
  }

  void Ended(const Child& child) {
    close(child.fd);
    int status = 0;
    waitpid(child.pid, &status, 0);
    ++done_;
    const std::size_t line_end = child.output.find('\n');
    unsigned long long hash = 0;
    unsigned long long calls = 0;
    unsigned long long virtual_ns = 0;
    if (std::sscanf(child.output.c_str(), "%llu %llu %llu", &hash, &calls, &virtual_ns) == 3) {
      hash_ += hash * (2 * child.seed + 1);  // In whatever order the seeds end.
      calls_ += calls;
      virtual_ns_ += virtual_ns;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    ++failed_;
    if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K");
    std::string text = "seed " + std::to_string(child.seed) +
                       " FAILED; replay: " + ReplayCommand(arguments_, child.seed) + "\n";
    if (WIFSIGNALED(status)) {
      text += "  the process died by signal " + std::to_string(WTERMSIG(status)) + "\n";
    } else if (line_end != std::string::npos) {
      text += child.output.substr(line_end + 1);
    }
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }

  void Progress(std::uint64_t count) const {
    if (isatty(STDERR_FILENO) == 0) return;
    std::fprintf(stderr, "\r\033[K%llu of %llu seeds, %llu failed", Number(done_), Number(count),
                 Number(failed_));
  }

  const Arguments& arguments_;
  const Clock::time_point begin_ = Clock::now();
  std::vector<Child> children_;
  std::uint64_t done_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t virtual_ns_ = 0;
  std::uint64_t hash_ = 0;
};

int Replay(const Arguments& arguments) {
  ConvergeOptions options = OptionsFor(arguments, *arguments.seed);
  options.print = arguments.verbose;
  const ConvergeReport report = RunSeed(options);
  options.print = false;
  const ConvergeReport again = RunSeed(options);
  std::printf(
      "seed %llu: %s; %llu steps, %llu system calls, %llu faults, %llu rows; hash %016llx\n",
      static_cast<unsigned long long>(options.seed), report.ok ? "ok" : "FAILED",
      static_cast<unsigned long long>(report.steps), static_cast<unsigned long long>(report.calls),
      static_cast<unsigned long long>(report.faults), static_cast<unsigned long long>(report.rows),
      static_cast<unsigned long long>(report.hash));
  if (!report.ok) std::fputs(Describe(report).c_str(), stdout);
  if (report.hash != again.hash) {
    std::printf("NOT REPEATABLE: the second run has hash %016llx\n",
                static_cast<unsigned long long>(again.hash));
    return cli::kExitFailed;
  }
  return report.ok ? cli::kExitOk : cli::kExitFailed;
}

}  // namespace
}  // namespace fustor::sim

int main(int argc, char** argv) {
  fustor::sim::Arguments arguments;
  const fustor::cli::Program program = fustor::sim::ProgramOf(&arguments);
  const fustor::cli::Outcome outcome =
      fustor::cli11::Parse(program, std::vector<std::string>(argv + 1, argv + argc));
  if (outcome.command.empty()) {
    std::fputs(outcome.text.c_str(), outcome.text_is_error ? stderr : stdout);
    return outcome.exit_code;
  }
  if (arguments.seed) return fustor::sim::Replay(arguments);
  return fustor::sim::Campaign(arguments).Run();
}
