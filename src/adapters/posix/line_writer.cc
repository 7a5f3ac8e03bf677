#include "adapters/posix/line_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>

#include "adapters/posix/fd.h"

namespace fustor::posix {
namespace {

// A write that cannot go on is looked at so often, to see whether it is still wanted.
constexpr int kPollMs = 50;
// So much fits into any pipe that can be written to: such a write does not wait.
constexpr std::size_t kPieceBytes = 4096;

// Whole lines where that is possible: others may write to the same place.
std::size_t PieceOf(std::string_view text) {
  if (text.size() <= kPieceBytes) return text.size();
  const std::size_t newline = text.rfind('\n', kPieceBytes - 1);
  return newline == std::string_view::npos ? kPieceBytes : newline + 1;
}

class Writer final : public LineWriter {
 public:
  explicit Writer(Fd fd)
      : fd_(std::move(fd)), thread_([this](const std::stop_token& stop) { Run(stop); }) {}
  ~Writer() override {
    Cancel();
    thread_.request_stop();
    thread_.join();
  }

  void Write(std::string text, std::function<void(Status)> done) override {
    {
      const std::scoped_lock lock(mutex_);
      if (!job_) {
        job_ = Job{std::move(text), std::move(done)};
        cancelled_ = false;
        news_.notify_one();
        return;
      }
    }
    done(Status(Code::kResourceExhausted, "something else is being written"));
  }

  void Cancel() override {
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
  }

 private:
  struct Job {
    std::string text;
    std::function<void(Status)> done;
  };

  void Run(const std::stop_token& stop) {
    // A reader that has gone is an error of the write, not the end of the process.
    sigset_t broken;
    ::sigemptyset(&broken);
    ::sigaddset(&broken, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &broken, nullptr);
    for (;;) {
      std::string text;
      {
        std::unique_lock lock(mutex_);
        if (!news_.wait(lock, stop, [this] { return job_.has_value(); })) return;
        text = std::move(job_->text);
      }
      Status written = WriteAll(text);
      std::function<void(Status)> done;
      {
        const std::scoped_lock lock(mutex_);
        done = std::move(job_->done);
        job_.reset();
      }
      done(std::move(written));
    }
  }

  bool Cancelled() {
    const std::scoped_lock lock(mutex_);
    return cancelled_;
  }

  Status WriteAll(std::string_view text) {
    while (!text.empty()) {
      if (Cancelled()) return {Code::kCancelled, "the output was given up"};
      pollfd ready{fd_.get(), POLLOUT, 0};
      const int found = ::poll(&ready, 1, kPollMs);
      if (found == 0 || (found < 0 && errno == EINTR)) continue;
      const ssize_t written = ::write(fd_.get(), text.data(), PieceOf(text));
      if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (written < 0) {
        return {Code::kUnavailable, std::string("the output: ") + std::strerror(errno)};
      }
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  const Fd fd_;
  std::mutex mutex_;
  std::condition_variable_any news_;
  std::optional<Job> job_;
  bool cancelled_ = false;
  std::jthread thread_;
};

}  // namespace

Result<std::unique_ptr<LineWriter>> AppendLines(const std::string& file) {
  Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
               S_IRUSR | S_IWUSR));
  if (fd.get() < 0) {
    return Status(Code::kUnavailable, file + ": " + std::strerror(errno));
  }
  return std::unique_ptr<LineWriter>(std::make_unique<Writer>(std::move(fd)));
}

Result<std::unique_ptr<LineWriter>> PrintLines() {
  Fd fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  if (fd.get() < 0) {
    return Status(Code::kUnavailable, std::string("standard output: ") + std::strerror(errno));
  }
  return std::unique_ptr<LineWriter>(std::make_unique<Writer>(std::move(fd)));
}

}  // namespace fustor::posix
