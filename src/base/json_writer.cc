#include "base/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/check.h"
#include "base/utf8.h"

namespace fustor {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// ASCII that is written as it is.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x7F; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

void AppendUnicodeEscape(std::string* out, unsigned unit) {
  const char escape[] = {
      '\\',           'u', kHex[unit >> 12 & 15], kHex[unit >> 8 & 15], kHex[unit >> 4 & 15],
      kHex[unit & 15]};
  out->append(escape, sizeof escape);
}

void AppendAsciiEscape(std::string* out, std::uint8_t c) {
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      AppendUnicodeEscape(out, c);
  }
}

template <class T, class... Format>
void AppendNumber(std::string* out, T value, Format... format) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, format...).ptr;
  out->append(digits, static_cast<std::size_t>(end - digits));
}

}  // namespace

void AppendJsonEscaped(std::string* out, std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    std::size_t plain = at;  // Copy runs: most names are plain.
    while (plain < bytes.size() && kPlain[static_cast<std::uint8_t>(bytes[plain])]) ++plain;
    out->append(bytes, at, plain - at);
    at = plain;
    if (at == bytes.size()) return;
    const auto byte = static_cast<std::uint8_t>(bytes[at]);
    if (byte < 0x80) {
      AppendAsciiEscape(out, byte);
      ++at;
      continue;
    }
    const std::size_t n = Utf8SequenceLength(bytes.substr(at, 4));
    if (n == 0) {
      AppendUnicodeEscape(out, 0xDC00u + byte);
      ++at;
    } else {
      out->append(bytes, at, n);
      at += n;
    }
  }
}

void JsonWriter::NextLine() {
  if (style_ == Style::kCompact) return;
  *out_ += '\n';
  out_->append(open_.size() * 2, ' ');
}

void JsonWriter::BeforeValue() {
  if (open_.empty()) {
    FUSTOR_CHECK(!has_value_, "a second value at the top");
    has_value_ = true;
    return;
  }
  Level& level = open_.back();
  if (level.object) {
    FUSTOR_CHECK(level.key_pending, "a value without its key");
    level.key_pending = false;
    return;
  }
  if (!level.empty) *out_ += ',';
  level.empty = false;
  NextLine();
}

JsonWriter& JsonWriter::Begin(bool object, char bracket) {
  BeforeValue();
  *out_ += bracket;
  open_.push_back({.object = object});
  return *this;
}

JsonWriter& JsonWriter::End(bool object, char bracket) {
  FUSTOR_CHECK(!open_.empty() && open_.back().object == object && !open_.back().key_pending);
  const bool empty = open_.back().empty;
  open_.pop_back();
  if (!empty) NextLine();
  *out_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::BeginObject() { return Begin(true, '{'); }
JsonWriter& JsonWriter::EndObject() { return End(true, '}'); }
JsonWriter& JsonWriter::BeginArray() { return Begin(false, '['); }
JsonWriter& JsonWriter::EndArray() { return End(false, ']'); }

JsonWriter& JsonWriter::Key(std::string_view key) {
  FUSTOR_CHECK(!open_.empty() && open_.back().object && !open_.back().key_pending);
  Level& level = open_.back();
  if (!level.empty) *out_ += ',';
  level.empty = false;
  level.key_pending = true;
  NextLine();
  *out_ += '"';
  AppendJsonEscaped(out_, key);
  out_->append(style_ == Style::kPretty ? "\": " : "\":");
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view value) {
  BeforeValue();
  *out_ += '"';
  AppendJsonEscaped(out_, value);
  *out_ += '"';
  return *this;
}

JsonWriter& JsonWriter::Int(std::int64_t value) {
  BeforeValue();
  AppendNumber(out_, value);
  return *this;
}

JsonWriter& JsonWriter::Uint(std::uint64_t value) {
  BeforeValue();
  AppendNumber(out_, value);
  return *this;
}

JsonWriter& JsonWriter::Double(double value) {
  BeforeValue();
  if (std::isfinite(value) && std::abs(value) >= 0x1p63) {
    // Readers take digits without point and exponent for an integer, which this is too large for.
    AppendNumber(out_, value, std::chars_format::scientific);
  } else if (std::isfinite(value)) {
    AppendNumber(out_, value);
  } else {
    out_->append("null");
  }
  return *this;
}

JsonWriter& JsonWriter::Bool(bool value) {
  BeforeValue();
  out_->append(value ? "true" : "false");
  return *this;
}

JsonWriter& JsonWriter::Null() {
  BeforeValue();
  out_->append("null");
  return *this;
}

JsonWriter& JsonWriter::Raw(std::string_view json) {
  BeforeValue();
  out_->append(json);
  return *this;
}

}  // namespace fustor
