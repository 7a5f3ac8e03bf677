#include "adapters/log/line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>

#include "base/json_writer.h"
#include "base/utf8.h"

namespace fustor::log {
namespace {

constexpr std::string_view kCut = "...";
constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kDim = "\x1b[2m";

struct LevelLook {
  std::string_view name;
  std::string_view padded;
  std::string_view color;
};
constexpr std::array<LevelLook, 4> kLevels = {{{"debug", "DEBUG", "\x1b[2m"},
                                               {"info", "INFO ", "\x1b[32m"},
                                               {"warn", "WARN ", "\x1b[33m"},
                                               {"error", "ERROR", "\x1b[31m"}}};

const LevelLook& LookOf(LogLevel level) { return kLevels[static_cast<std::size_t>(level)]; }

// At most kValueBytesMax bytes, never cut inside of a character.
std::string Shortened(std::string_view value) {
  if (value.size() <= kValueBytesMax) return std::string(value);
  std::size_t end = kValueBytesMax - kCut.size();
  for (std::size_t back = 1; back <= 3; ++back) {
    const std::size_t start = end - back;
    if ((static_cast<unsigned char>(value[start]) & 0xC0) == 0x80) continue;
    if (Utf8SequenceLength(value.substr(start, 4)) > back) end = start;
    break;
  }
  return std::string(value.substr(0, end)).append(kCut);
}

// U+0080 .. U+009F steer some terminals, as the escape character does.
void AppendWithoutC1(std::string* out, std::string_view escaped) {
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    const auto next = i + 1 < escaped.size() ? static_cast<unsigned char>(escaped[i + 1]) : 0u;
    if (escaped[i] == '\xC2' && next >= 0x80 && next <= 0x9F) {
      fmt::format_to(std::back_inserter(*out), "\\u{:04x}", next);
      ++i;
    } else {
      *out += escaped[i];
    }
  }
}

void AppendText(std::string* out, std::string_view value) {
  std::string escaped;
  AppendJsonEscaped(&escaped, Shortened(value));
  const bool plain =
      escaped == value && !value.empty() && value.find_first_of(" =") == std::string_view::npos;
  if (!plain) *out += '"';
  AppendWithoutC1(out, escaped);
  if (!plain) *out += '"';
}

void AppendTextField(std::string* out, const LogField& field, bool color) {
  *out += ' ';
  if (color) out->append(kDim);
  out->append(field.name).append("=");
  if (color) out->append(kReset);
  std::visit(
      [&](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
          AppendText(out, value);
        } else {
          fmt::format_to(std::back_inserter(*out), "{}", value);
        }
      },
      field.value);
}

void AppendJsonField(JsonWriter* json, const LogField& field) {
  json->Key(field.name);
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string>) {
          json->String(Shortened(value));
        } else if constexpr (std::is_same_v<T, double>) {
          json->Double(value);
        } else if constexpr (std::is_same_v<T, bool>) {
          json->Bool(value);
        } else if constexpr (std::is_same_v<T, std::uint64_t>) {
          json->Uint(value);
        } else {
          json->Int(value);
        }
      },
      field.value);
}

std::string TextLine(bool color, WallTime time, LogLevel level, std::string_view component,
                     std::string_view sentence, Logger::Fields fields) {
  std::int64_t seconds = time.ns / 1'000'000'000;
  std::int64_t nanos = time.ns % 1'000'000'000;
  if (nanos < 0) {
    nanos += 1'000'000'000;
    --seconds;
  }
  const std::time_t t = seconds;
  std::tm tm{};
  localtime_r(&t, &tm);
  const LevelLook& look = LookOf(level);
  std::string line = fmt::format("{:02}:{:02}:{:02}.{:03} {}{}{} {}: {}", tm.tm_hour, tm.tm_min,
                                 tm.tm_sec, nanos / 1'000'000, color ? look.color : "", look.padded,
                                 color ? kReset : "", component, Shortened(sentence));
  constexpr std::string_view kTruncated = " truncated=true\n";
  for (const LogField& field : fields) {
    const std::size_t before = line.size();
    AppendTextField(&line, field, color);
    if (line.size() + kTruncated.size() > kLineBytesMax) {
      line.resize(before);
      return line.append(kTruncated);
    }
  }
  return line + "\n";
}

std::string JsonLine(WallTime time, LogLevel level, std::string_view component,
                     std::string_view sentence, Logger::Fields fields) {
  std::string line;
  JsonWriter json(&line);
  json.BeginObject().Key("time").String(FormatUtc(time)).Key("level").String(LookOf(level).name);
  json.Key("component").String(component).Key("message").String(Shortened(sentence));
  constexpr std::string_view kTruncated = ",\"truncated\":true}\n";
  for (const LogField& field : fields) {
    const std::size_t before = line.size();
    AppendJsonField(&json, field);
    if (line.size() + kTruncated.size() > kLineBytesMax) {
      line.resize(before);
      return line.append(kTruncated);
    }
  }
  json.EndObject();
  return line + "\n";
}

}  // namespace

std::string FormatLine(LineStyle style, WallTime time, LogLevel level, std::string_view component,
                       std::string_view sentence, Logger::Fields fields) {
  if (style == LineStyle::kJson) return JsonLine(time, level, component, sentence, fields);
  return TextLine(style == LineStyle::kColor, time, level, component, sentence, fields);
}

}  // namespace fustor::log
