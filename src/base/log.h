// log.h: what the program tells an operator, as a constant sentence plus fields.
//
//   log.Info("scan finished", {{"entries", n}, {"elapsed_ms", ms}});
//
// The sentence holds no values, so that it can be searched and counted. Field names are snake_case
// with units. Pure code does not log: it returns what happened. Never log keys, tokens or file
// contents. Levels: error = a human must act; warn = we coped, look tomorrow; info = a state
// changed; debug = off by default.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "base/log_level.h"

namespace fustor {

struct LogField {
  std::string_view name;
  std::variant<std::string, std::int64_t, std::uint64_t, double, bool> value;

  LogField(std::string_view n, std::string_view v) : name(n), value(std::string(v)) {}
  LogField(std::string_view n, const std::string& v) : name(n), value(v) {}
  LogField(std::string_view n, const char* v) : name(n), value(std::string(v)) {}
  LogField(std::string_view n, bool v) : name(n), value(v) {}
  LogField(std::string_view n, double v) : name(n), value(v) {}
  template <std::signed_integral T>
  LogField(std::string_view n, T v) : name(n), value(static_cast<std::int64_t>(v)) {}
  template <std::unsigned_integral T>
  LogField(std::string_view n, T v) : name(n), value(static_cast<std::uint64_t>(v)) {}
};

// Where log lines go. Implementations are thread-safe and never block on a slow reader for long.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void Write(LogLevel level, std::string_view component, std::string_view sentence,
                     std::initializer_list<LogField> fields) = 0;
};

// A component's way to a sink. Cheap to copy; the sink must outlive it. Thread-safe.
class Logger {
 public:
  // A logger without a sink drops everything.
  Logger() = default;
  Logger(LogSink& sink, std::string component) : sink_(&sink), component_(std::move(component)) {}

  using Fields = std::initializer_list<LogField>;
  void Debug(std::string_view sentence, Fields f = {}) const { Log(LogLevel::kDebug, sentence, f); }
  void Info(std::string_view sentence, Fields f = {}) const { Log(LogLevel::kInfo, sentence, f); }
  void Warn(std::string_view sentence, Fields f = {}) const { Log(LogLevel::kWarn, sentence, f); }
  void Error(std::string_view sentence, Fields f = {}) const { Log(LogLevel::kError, sentence, f); }

 private:
  void Log(LogLevel level, std::string_view sentence, Fields fields) const {
    if (sink_ != nullptr) sink_->Write(level, component_, sentence, fields);
  }
  LogSink* sink_ = nullptr;
  std::string component_;
};

}  // namespace fustor
