// log.h: log lines to stderr or to a file.
//
// On a terminal a line reads "12:00:01.123 INFO  agent: scan finished entries=123 elapsed_ms=45"
// (local time, colours unless NO_COLOR is set); elsewhere it is one JSON object:
// {"time":"2026-11-21T12:00:01.123Z","level":"info","component":"agent",
//  "message":"scan finished","entries":123}. Control characters and bytes that are not UTF-8 are
// escaped in both.
//
// Thread-safe. Each line is one write(2) of at most 4096 bytes, so that lines of several processes
// do not mix; a longer one loses its last fields and says "truncated". A reader that does not read
// (a pipe that is full) is waited for 100 ms once, then lines are dropped until it reads again, and
// the first line after that says how many. The program ignores SIGPIPE.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "env/clock.h"

namespace fustor::log {

struct Options {
  enum class Format { kAuto, kText, kJson };  // kAuto: text on a terminal, JSON otherwise.

  LogLevel level = LogLevel::kInfo;
  Format format = Format::kAuto;
  std::string file;  // Empty: stderr. Else appended to, made with mode 0640.
};

class Log : public LogSink {
 public:
  // What is below the level is dropped, at the cost of one comparison.
  virtual void SetLevel(LogLevel level) = 0;
  virtual LogLevel level() const = 0;
  // Opens the file anew under its name, after it was moved away (log rotation). Nothing to do for
  // stderr. On failure the old file stays in use. Errors: kNotFound, kPermissionDenied,
  // kUnavailable.
  virtual Status Reopen() = 0;
  // Lines that could not be written.
  virtual std::uint64_t dropped() const = 0;
};

// `clock` must outlive the log. Errors: as Reopen.
Result<std::unique_ptr<Log>> Open(Options options, const env::Clock& clock);

}  // namespace fustor::log
