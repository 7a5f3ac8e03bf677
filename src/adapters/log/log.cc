#include "adapters/log/log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <system_error>

#include "adapters/log/line.h"

namespace fustor::log {
namespace {

constexpr int kPatienceMs = 100;

Status OpenError(const std::string& file, int error) {
  const Code code = error == ENOENT                     ? Code::kNotFound
                    : error == EACCES || error == EPERM ? Code::kPermissionDenied
                                                        : Code::kUnavailable;
  return Status(code, "log file " + file + ": " + std::generic_category().message(error));
}

Result<int> OpenFile(const std::string& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return OpenError(file, errno);
  return fd;
}

class FileLog final : public Log {
 public:
  FileLog(Options options, LineStyle style, int fd, const env::Clock& clock)
      : options_(std::move(options)),
        style_(style),
        clock_(clock),
        level_(options_.level),
        fd_(fd) {}
  ~FileLog() override {
    if (!options_.file.empty()) ::close(fd_);
  }

  void Write(LogLevel level, std::string_view component, std::string_view sentence,
             Logger::Fields fields) override {
    if (level < level_.load(std::memory_order_relaxed)) return;
    const std::string line =
        FormatLine(style_, clock_.WallNow(), level, component, sentence, fields);
    const std::scoped_lock lock(mutex_);
    WriteLine(line);
  }

  void SetLevel(LogLevel level) override { level_.store(level, std::memory_order_relaxed); }
  LogLevel level() const override { return level_.load(std::memory_order_relaxed); }

  Status Reopen() override {
    if (options_.file.empty()) return Status();
    FUSTOR_TRY_ASSIGN(const int fd, OpenFile(options_.file));
    const std::scoped_lock lock(mutex_);
    ::close(fd_);
    fd_ = fd;
    return Status();
  }

  std::uint64_t dropped() const override { return dropped_.load(std::memory_order_relaxed); }

 private:
  // True when a line fits now; waits a little, but not again while nobody reads.
  bool Writable() const {
    pollfd waiting{.fd = fd_, .events = POLLOUT, .revents = 0};
    int ready = 0;
    do {
      ready = ::poll(&waiting, 1, untold_ == 0 ? kPatienceMs : 0);
    } while (ready < 0 && errno == EINTR);
    return ready > 0 && (waiting.revents & POLLOUT) != 0;
  }

  bool WriteWhole(std::string_view line) const {
    while (!line.empty()) {
      const ssize_t n = ::write(fd_, line.data(), line.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      line.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  // A pipe that polls as writable has room for PIPE_BUF bytes, which no line exceeds.
  void WriteLine(std::string_view line) {
    if (!Writable()) return Drop();
    if (untold_ > 0) {
      const std::string told = FormatLine(style_, clock_.WallNow(), LogLevel::kWarn, "log",
                                          "log lines were dropped", {{"lines", untold_}});
      if (!WriteWhole(told)) return Drop();
      untold_ = 0;
      if (!Writable()) return Drop();
    }
    if (!WriteWhole(line)) Drop();
  }
  void Drop() {
    ++untold_;
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }

  const Options options_;
  const LineStyle style_;
  const env::Clock& clock_;
  std::atomic<LogLevel> level_;
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;  // Guards the file and what was dropped since the last line.
  int fd_;
  std::uint64_t untold_ = 0;
};

}  // namespace

Result<std::unique_ptr<Log>> Open(Options options, const env::Clock& clock) {
  int fd = STDERR_FILENO;
  if (!options.file.empty()) {
    FUSTOR_TRY_ASSIGN(fd, OpenFile(options.file));
  }
  const bool terminal = ::isatty(fd) == 1;
  const bool text = options.format == Options::Format::kText ||
                    (options.format == Options::Format::kAuto && terminal);
  const char* no_color = std::getenv("NO_COLOR");
  const bool color = terminal && (no_color == nullptr || *no_color == '\0');
  const LineStyle style = !text ? LineStyle::kJson : color ? LineStyle::kColor : LineStyle::kText;
  return std::unique_ptr<Log>(std::make_unique<FileLog>(std::move(options), style, fd, clock));
}

}  // namespace fustor::log
