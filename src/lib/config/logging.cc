#include "lib/config/logging.h"

namespace fustor::config {
namespace {

constexpr Reader::Choices<LogLevel> kLevels = {
    {"debug", LogLevel::kDebug},  {"info", LogLevel::kInfo},   {"warn", LogLevel::kWarn},
    {"warning", LogLevel::kWarn}, {"error", LogLevel::kError}, {"critical", LogLevel::kError}};

}  // namespace

LoggingConfig ReadLogging(Reader* parent) {
  LoggingConfig logging;
  if (parent->IsScalar("logging")) {
    logging.level = parent->Enum<LogLevel>("logging", kLevels);
    return logging;
  }
  Reader reader = parent->Child("logging");
  logging.level = reader.Enum<LogLevel>("level", kLevels, LogLevel::kInfo);
  using Format = LoggingConfig::Format;
  logging.format = reader.Enum<Format>(
      "format", {{"auto", Format::kAuto}, {"text", Format::kText}, {"json", Format::kJson}},
      Format::kAuto);
  logging.file = reader.String("file", "");
  reader.Finish();
  return logging;
}

}  // namespace fustor::config
