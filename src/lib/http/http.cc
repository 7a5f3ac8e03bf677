#include "lib/http/http.h"

#include <algorithm>

#include "base/check.h"
#include "lib/http/text.h"

namespace fustor::http {

void Headers::Set(std::string_view name, std::string value) {
  std::erase_if(items_, [&](const auto& item) { return EqualsIgnoringCase(item.first, name); });
  items_.emplace_back(std::string(name), std::move(value));
}

std::optional<std::string_view> Headers::Find(std::string_view name) const {
  for (const auto& [known, value] : items_) {
    if (EqualsIgnoringCase(known, name)) return value;
  }
  return std::nullopt;
}

env::Task<Result<std::string>> BodyReader::ReadAll() {
  std::string all;
  for (;;) {
    Result<std::optional<std::string>> piece = co_await ReadSome();
    if (!piece.ok()) co_return piece.status();
    if (!piece->has_value()) co_return std::move(all);
    if (all.empty()) {
      all = std::move(**piece);
    } else {
      all += **piece;
    }
  }
}

std::optional<std::string_view> Request::Query(std::string_view name) const {
  for (const auto& [known, value] : query) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::string_view Request::PathParameter(std::string_view name) const {
  for (const auto& [known, value] : path_parameters) {
    if (known == name) return value;
  }
  FUSTOR_CHECK(false, "the route has no parameter of this name");
  return {};
}

}  // namespace fustor::http
