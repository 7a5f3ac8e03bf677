#include "adapters/json/surrogates.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace fustor::json {
namespace {

constexpr std::string_view kMarker = "\xEF\xB7\x90";
constexpr std::uint32_t kMarkerUnit = 0xFDD0;
constexpr char kHex[] = "0123456789abcdef";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The code unit of an escape "\uXXXX" at the start of `text`.
std::optional<std::uint32_t> UnitAt(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  std::uint32_t unit = 0;
  for (std::size_t i = 2; i < 6; ++i) {
    const int digit = HexDigit(text[i]);
    if (digit < 0) return std::nullopt;
    unit = unit << 4 | static_cast<std::uint32_t>(digit);
  }
  return unit;
}

bool IsHigh(std::uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLow(std::uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

// Takes one escape off `*text` and appends what stands for it.
Status TranslateEscape(std::string_view* text, std::string* out) {
  const std::optional<std::uint32_t> unit = UnitAt(*text);
  std::size_t taken = unit ? 6 : std::min<std::size_t>(2, text->size());
  if (unit && IsHigh(*unit)) {
    const std::optional<std::uint32_t> next = UnitAt(text->substr(6));
    if (!next || !IsLow(*next)) return Malformed("a high surrogate without its low one");
    taken = 12;
  } else if (unit && IsLow(*unit)) {
    if (*unit < 0xDC80 || *unit > 0xDCFF) return Malformed("a low surrogate without its high one");
    out->append(kMarker);
    *out += kHex[*unit >> 4 & 15];
    *out += kHex[*unit & 15];
    text->remove_prefix(6);
    return Status();
  } else if (unit == kMarkerUnit) {
    out->append(kMarker).append("00");
    text->remove_prefix(6);
    return Status();
  }
  out->append(text->substr(0, taken));
  text->remove_prefix(taken);
  return Status();
}

}  // namespace

Status Malformed(std::string_view why) {
  return Status(Code::kInvalidArgument, "JSON: " + std::string(why));
}

bool MayHoldSurrogates(std::string_view text) {
  return text.find("\\ud") != std::string_view::npos || text.find("\\uD") != std::string_view::npos;
}

Result<std::string> Translate(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 64);
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find_first_of("\\\xEF"), text.size());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (text[0] == '\\') {
      FUSTOR_TRY(TranslateEscape(&text, &out));
    } else if (text.starts_with(kMarker)) {
      out.append(kMarker).append("00");
      text.remove_prefix(kMarker.size());
    } else {
      out += text[0];
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string TranslateBack(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (;;) {
    const std::size_t marker = text.find(kMarker);
    out.append(text.substr(0, marker));
    if (marker == std::string_view::npos) return out;
    text.remove_prefix(marker + kMarker.size());
    const int byte = HexDigit(text[0]) << 4 | HexDigit(text[1]);
    text.remove_prefix(2);
    if (byte == 0) {
      out.append(kMarker);
    } else {
      out += static_cast<char>(byte);
    }
  }
}

}  // namespace fustor::json
