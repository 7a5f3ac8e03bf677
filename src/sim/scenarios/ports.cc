#include "sim/scenarios/ports.h"

#include <cstdio>
#include <variant>

namespace fustor::sim {
namespace {

std::string Text(const LogField& field) {
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string>) {
          return value;
        } else if constexpr (std::is_same_v<T, bool>) {
          return value ? "true" : "false";
        } else {
          return std::to_string(value);
        }
      },
      field.value);
}

}  // namespace

void VirtualRandom::Fill(std::span<std::byte> out) {
  for (std::byte& b : out) b = static_cast<std::byte>(prng_.Below(256));
}

Result<std::string> NoCompressor::Decompress(std::string_view frame, std::size_t limit_bytes) {
  if (frame.size() > limit_bytes) return Status(Code::kResourceExhausted, "too large");
  return std::string(frame);
}

void VirtualLog::Write(LogLevel level, std::string_view component, std::string_view sentence,
                       std::initializer_list<LogField> fields) {
  const bool error = level == LogLevel::kError && first_error_.empty();
  if (!error && !print_) return;
  std::string line(component);
  line += ": ";
  line += sentence;
  for (const LogField& field : fields) {
    line += " " + std::string(field.name) + "=" + Text(field);
  }
  if (error) first_error_ = line;
  Say(line);
}

void VirtualLog::Say(std::string_view text) {
  if (!print_) return;
  const double at = static_cast<double>(world_.now().ns) / 1e9 - 1000;
  std::fprintf(stderr, "%12.6f %.*s\n", at, static_cast<int>(text.size()), text.data());
}

}  // namespace fustor::sim
