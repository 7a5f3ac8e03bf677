#include "svc/fusion/wire/parameter_reader.h"

#include "base/path.h"

namespace fustor::fusion {
namespace {

std::optional<std::int64_t> ParseSeconds(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = std::min(text.find('.'), text.size());
  std::uint64_t whole = 0;
  const char* const digits = text.data();
  const auto [end, error] = std::from_chars(digits, digits + point, whole);
  if (error != std::errc() || end != digits + point) return std::nullopt;
  if (whole > 9'223'372'035) return std::nullopt;
  std::int64_t nanos = 0;
  std::int64_t scale = 100'000'000;
  for (std::size_t i = point + 1; i < text.size(); ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    nanos += (text[i] - '0') * scale;
    scale /= 10;
  }
  const std::int64_t ns = static_cast<std::int64_t>(whole) * 1'000'000'000 + nanos;
  return negative ? -ns : ns;
}

}  // namespace

void ParameterReader::Bool(std::string_view name, bool* value) {
  const auto text = Get(name);
  if (!text) return;
  if (*text == "true" || *text == "1" || *text == "True" || *text == "yes" || *text == "on") {
    *value = true;
  } else if (*text == "false" || *text == "0" || *text == "False" || *text == "no" ||
             *text == "off") {
    *value = false;
  } else {
    Fail(name, "must be true or false");
  }
}

void ParameterReader::Seconds(const std::string& name, std::optional<std::int64_t>* value) {
  Number<std::int64_t>(name + "_ns", std::numeric_limits<std::int64_t>::min(),
                       std::numeric_limits<std::int64_t>::max(), value);
  const auto text = Get(name);
  if (!text) return;
  const std::optional<std::int64_t> ns = ParseSeconds(*text);
  if (ns) {
    *value = ns;
  } else {
    Fail(name, "must be seconds since 1970, like 1700000000 or 1700000000.25");
  }
}

void ParameterReader::Path(std::string_view name, std::string* value) {
  const auto text = Get(name);
  if (!text) return;
  Result<std::string> normal = NormalizeViewPath(*text);
  if (normal.ok()) {
    *value = *std::move(normal);
  } else {
    Fail(name, normal.status().message());
  }
}

void ParameterReader::Limit(const PageLimits& limits, std::optional<std::uint64_t>* limit) {
  Number<std::uint64_t>("limit", 1, std::numeric_limits<std::uint64_t>::max(), limit);
  if (*limit) *limit = std::min(**limit, limits.items_max);
}

void ParameterReader::After(std::string* after) {
  const auto text = Get("cursor");
  if (!text || text->empty()) return;
  const std::optional<Cursor> cursor = Cursor::Parse(*text);
  if (cursor) {
    *after = cursor->last;
  } else {
    Fail("cursor", "is not one that an earlier answer gave as `next`");
  }
}

void ParameterReader::Fail(std::string_view name, std::string text) {
  if (!ok_) return;
  ok_ = false;
  *bad_ = {std::string(name), std::move(text)};
}

}  // namespace fustor::fusion
