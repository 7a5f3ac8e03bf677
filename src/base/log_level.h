// log_level.h: how much a log line matters (log.h says what each level means). Pure.
#pragma once

namespace fustor {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

}  // namespace fustor
