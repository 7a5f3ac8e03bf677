// logging.h: the section `logging` of every program's configuration. Pure.
#pragma once

#include <string>

#include "base/log_level.h"
#include "lib/config/reader.h"

namespace fustor::config {

struct LoggingConfig {
  enum class Format { kAuto, kText, kJson };  // kAuto: text on a terminal, JSON otherwise.

  LogLevel level = LogLevel::kInfo;
  Format format = Format::kAuto;
  std::string file;  // Empty: stderr.
};

// Reads `logging: {level, format, file}`, or `logging: debug` for the level alone.
LoggingConfig ReadLogging(Reader* parent);

}  // namespace fustor::config
