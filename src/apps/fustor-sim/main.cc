// fustor-sim: runs the simulation over many seeds, each in a process of its own, and says which
// fail.

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/cli11/parse.h"
#include "base/mutants.h"
#include "lib/cli/command.h"
#include "sim/scenarios/first_generation.h"
#include "sim/scenarios/mutants.h"
#include "sim/scenarios/share.h"

namespace fustor::sim {
namespace {

constexpr char kFirstGeneration[] = "first-generation";
constexpr std::uint64_t kSeedsUsual = 200;
constexpr std::uint64_t kSecondsUsual = 3600;
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
  std::string known;
  std::string mutant;
  std::string worlds;
  bool mutants = false;
  bool quick = false;
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
      {"--seconds", "T", "the same in seconds (default 3600)", &arguments->seconds},
      {"--known", "S,S,...", "seeds that are known to fail: one that passes is an error",
       &arguments->known},
      {"--mutants", "", "break one rule after the other; exit 1 when one is not noticed",
       &arguments->mutants},
      {"--quick", "", "with --mutants: only the seeds that are known to notice", &arguments->quick},
      {"--mutant", "NAME", "break this rule in all that is run", &arguments->mutant},
      {"--worlds", "KIND", "usual, or first-generation: agents that post rows", &arguments->worlds},
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
  if (!arguments.worlds.empty()) command += " --worlds " + arguments.worlds;
  if (!arguments.mutant.empty()) command += " --mutant " + arguments.mutant;
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

ConvergeReport RunIn(const Arguments& arguments, const ConvergeOptions& options) {
  return arguments.worlds == kFirstGeneration ? RunFirstGeneration(options) : RunSeed(options);
}

struct Child {
  std::uint64_t seed = 0;
  pid_t pid = 0;
  int fd = -1;
  std::string output;
};

// What a child said and how it ended.
struct Ending {
  std::uint64_t seed = 0;
  bool ok = false;
  unsigned long long hash = 0;
  unsigned long long calls = 0;
  unsigned long long virtual_ns = 0;
  std::string text;  // Of a failure.
};

std::uint64_t JobsOf(const Arguments& arguments) {
  const auto cpus = static_cast<std::uint64_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  return std::max<std::uint64_t>(1, arguments.jobs.value_or(cpus));
}

// Seeds that run, each in a process of its own.
class Children {
 public:
  explicit Children(const Arguments& arguments) : arguments_(arguments) {}
  std::size_t size() const { return running_.size(); }

  // `rule` is broken in it; empty: none.
  void Start(std::uint64_t seed, const std::string& rule) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    std::fflush(nullptr);
    const pid_t pid = fork();
    if (pid < 0) std::abort();
    if (pid == 0) {
      const rlimit limit{kProcessorSecondsMax, kProcessorSecondsMax};
      setrlimit(RLIMIT_CPU, &limit);
      BreakRule(rule);
      const ConvergeReport report = RunIn(arguments_, OptionsFor(arguments_, seed));
      WriteAll(ends[1], Pack(report));
      _exit(report.ok ? 0 : 1);
    }
    close(ends[1]);
    running_.push_back({seed, pid, ends[0], {}});
  }

  // Until one of them has ended.
  Ending Wait() {
    for (;;) {
      std::vector<pollfd> fds;
      for (const Child& child : running_) fds.push_back({child.fd, POLLIN, 0});
      poll(fds.data(), fds.size(), -1);
      for (std::size_t i = 0; i < fds.size(); ++i) {
        Child& child = running_[i];
        if (fds[i].revents == 0) continue;
        char buffer[4096];
        const ssize_t n = read(child.fd, buffer, sizeof buffer);
        if (n > 0) {
          child.output.append(buffer, static_cast<std::size_t>(n));
          continue;
        }
        const Ending ending = EndingOf(child);
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
        return ending;
      }
    }
  }

 private:
  static Ending EndingOf(const Child& child) {
    close(child.fd);
    int status = 0;
    waitpid(child.pid, &status, 0);
    Ending ending;
    ending.seed = child.seed;
    ending.ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    std::sscanf(child.output.c_str(), "%llu %llu %llu", &ending.hash, &ending.calls,
                &ending.virtual_ns);
    const std::size_t line_end = child.output.find('\n');
    if (WIFSIGNALED(status)) {
      ending.text = "  the process died by signal " + std::to_string(WTERMSIG(status)) + "\n";
    } else if (line_end != std::string::npos) {
      ending.text = child.output.substr(line_end + 1);
    }
    return ending;
  }

  const Arguments& arguments_;
  std::vector<Child> running_;
};

// Seeds, with commas between them. nullopt: `text` is something else.
std::optional<std::set<std::uint64_t>> SeedsIn(const std::string& text) {
  std::set<std::uint64_t> seeds;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const char* const last = text.data() + end;
    std::uint64_t seed = 0;
    const auto [read, error] = std::from_chars(text.data() + at, last, seed);
    if (error != std::errc() || read != last) return std::nullopt;
    seeds.insert(seed);
    at = end + 1;
  }
  return seeds;
}

unsigned long long Number(std::uint64_t n) { return n; }

void ShowProgress(const std::string& line) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K%s", line.c_str());
}

class Campaign {
 public:
  Campaign(const Arguments& arguments, std::set<std::uint64_t> known)
      : arguments_(arguments), children_(arguments), known_(std::move(known)) {}

  int Run() {
    const std::uint64_t first = arguments_.first.value_or(1);
    const std::uint64_t count = arguments_.seeds.value_or(kSeedsUsual);
    const std::uint64_t jobs = JobsOf(arguments_);
    std::uint64_t next = first;
    while (next < first + count || children_.size() != 0) {
      while (children_.size() < jobs && next < first + count) {
        children_.Start(next++, arguments_.mutant);
      }
      Ended(children_.Wait());
      ShowProgress(std::to_string(done_) + " of " + std::to_string(count) + " seeds, " +
                   std::to_string(failed_) + " failed");
    }
    ShowProgress("");
    const double wall = std::chrono::duration<double>(Clock::now() - begin_).count();
    std::printf("%llu seeds: %.1f virtual hours, %llu system calls in %.1f s; hash %016llx\n",
                Number(done_), static_cast<double>(virtual_ns_) / 3.6e12, Number(calls_), wall,
                Number(hash_));
    std::printf("%llu passed, %llu failed", Number(done_ - failed_ - failed_as_known_),
                Number(failed_));
    if (failed_as_known_ != 0) std::printf(", %llu skipped", Number(failed_as_known_));
    std::printf("\n");
    return failed_ == 0 ? cli::kExitOk : cli::kExitFailed;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void Ended(const Ending& ending) {
    ++done_;
    hash_ += ending.hash * (2 * ending.seed + 1);  // In whatever order the seeds end.
    calls_ += ending.calls;
    virtual_ns_ += ending.virtual_ns;
    const bool known = known_.contains(ending.seed);
    if (ending.ok && !known) return;
    ++(ending.ok || !known ? failed_ : failed_as_known_);
    ShowProgress("");
    std::string text = "seed " + std::to_string(ending.seed);
    if (ending.ok) {
      text += " passes: take it off the list of those that are known to fail\n";
    } else {
      text += known ? " fails, as is known" : " FAILED";
      text += "; replay: " + ReplayCommand(arguments_, ending.seed) + "\n" + ending.text;
    }
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }

  const Arguments& arguments_;
  const Clock::time_point begin_ = Clock::now();
  Children children_;
  const std::set<std::uint64_t> known_;
  std::uint64_t done_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t failed_as_known_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t virtual_ns_ = 0;
  std::uint64_t hash_ = 0;
};

// Breaks one rule after the other, and looks for the first seed that notices.
class Hunt {
 public:
  explicit Hunt(const Arguments& arguments) : arguments_(arguments), children_(arguments) {}

  int Run() {
    std::size_t killed = 0;
    for (const Mutant& mutant : Mutants()) {
      if (!arguments_.mutant.empty() && arguments_.mutant != mutant.name) continue;
      ++hunted_;
      if (arguments_.quick ? KillAsKnown(mutant) : Kill(mutant)) ++killed;
    }
    std::printf("%zu mutants, %zu killed\n", hunted_, killed);
    if (outdated_ != 0) {
      std::printf(
          "%zu seeds in src/sim/scenarios/mutants.cc notice nothing any more: put those "
          "above in their place\n",
          outdated_);
    }
    const bool all = killed == hunted_ && hunted_ != 0 && outdated_ == 0;
    return all ? cli::kExitOk : cli::kExitFailed;
  }

 private:
  // By the seed that is known to notice it. If it does not any more, another one is looked for.
  bool KillAsKnown(const Mutant& mutant) {
    children_.Start(mutant.seed, mutant.name);
    const Ending ending = children_.Wait();
    if (!ending.ok && PassesUnbroken(mutant.seed)) {
      std::printf("killed   %s by seed %llu, as is known (%s)\n%s", mutant.name,
                  Number(mutant.seed), mutant.rule, LastLine(ending.text).c_str());
      std::fflush(stdout);
      return true;
    }
    ++outdated_;
    std::printf("seed %llu %s %s; looking for another one\n", Number(mutant.seed),
                ending.ok ? "does not notice" : "fails anyway, and so says nothing of",
                mutant.name);
    return Kill(mutant);
  }

  bool Kill(const Mutant& mutant) {
    const std::uint64_t first = arguments_.first.value_or(1);
    const std::uint64_t count = arguments_.seeds.value_or(kSeedsUsual);
    const std::uint64_t jobs = JobsOf(arguments_);
    std::uint64_t next = first;
    std::optional<Ending> noticed;  // The lowest seed.
    while ((!noticed && next < first + count) || children_.size() != 0) {
      while (!noticed && children_.size() < jobs && next < first + count) {
        children_.Start(next++, mutant.name);
      }
      if (children_.size() == 0) break;
      Ending ending = children_.Wait();
      ShowProgress(std::string(mutant.name) + ": seed " + std::to_string(ending.seed));
      const bool lower = !noticed || ending.seed < noticed->seed;
      // A seed that fails anyway notices nothing.
      if (!ending.ok && lower && PassesUnbroken(ending.seed)) noticed = std::move(ending);
    }
    ShowProgress("");
    if (!noticed) {
      std::printf("SURVIVED %s after %llu seeds: nobody has noticed that this is broken: %s\n",
                  mutant.name, Number(next - first), mutant.rule);
    } else {
      std::printf("killed   %s by seed %llu, after %llu seeds (%s)\n%s", mutant.name,
                  Number(noticed->seed), Number(noticed->seed - first + 1), mutant.rule,
                  LastLine(noticed->text).c_str());
    }
    std::fflush(stdout);
    return noticed.has_value();
  }

  bool PassesUnbroken(std::uint64_t seed) {
    Children alone(arguments_);
    alone.Start(seed, "");
    return alone.Wait().ok;
  }

  // Of what a failing seed says, one difference is enough.
  static std::string LastLine(const std::string& text) {
    if (text.size() < 2) return text;
    const std::size_t end = text.rfind('\n', text.size() - 2);
    return end == std::string::npos ? text : text.substr(end + 1);
  }

  const Arguments& arguments_;
  Children children_;
  std::size_t hunted_ = 0;
  std::size_t outdated_ = 0;  // Seeds that are wrongly said to notice.
};

int Replay(const Arguments& arguments) {
  ConvergeOptions options = OptionsFor(arguments, *arguments.seed);
  options.print = arguments.verbose;
  const ConvergeReport report = RunIn(arguments, options);
  options.print = false;
  const ConvergeReport again = RunIn(arguments, options);
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
  if ((arguments.mutants || !arguments.mutant.empty()) && !fustor::kMutantsBuiltIn) {
    std::fputs("this build has no mutants; run ./dev sim --mutants\n", stderr);
    return fustor::cli::kExitFailed;
  }
  if (!arguments.worlds.empty() && arguments.worlds != "usual" &&
      arguments.worlds != fustor::sim::kFirstGeneration) {
    std::fprintf(stderr, "--worlds %s: usual or %s\n", arguments.worlds.c_str(),
                 fustor::sim::kFirstGeneration);
    return fustor::cli::kExitUsage;
  }
  if (arguments.mutants) return fustor::sim::Hunt(arguments).Run();
  fustor::BreakRule(arguments.mutant);
  if (arguments.seed) return fustor::sim::Replay(arguments);
  std::optional<std::set<std::uint64_t>> known = fustor::sim::SeedsIn(arguments.known);
  if (!known) {
    std::fprintf(stderr, "--known %s: it must be seeds with commas between them, such as 7,12\n",
                 arguments.known.c_str());
    return fustor::cli::kExitUsage;
  }
  return fustor::sim::Campaign(arguments, *std::move(known)).Run();
}
