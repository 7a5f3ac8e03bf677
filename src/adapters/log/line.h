// line.h: what one log line looks like. Deterministic but for the time zone; thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/time.h"

namespace fustor::log {

enum class LineStyle { kJson, kText, kColor };

// With its newline. A pipe takes so much in one piece (PIPE_BUF).
inline constexpr std::size_t kLineBytesMax = 4096;
// Longer values are cut.
inline constexpr std::size_t kValueBytesMax = 1024;

std::string FormatLine(LineStyle style, WallTime time, LogLevel level, std::string_view component,
                       std::string_view sentence, Logger::Fields fields);

}  // namespace fustor::log
