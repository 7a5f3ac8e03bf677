// parameter_reader.h: takes a request's parameters one by one, until one is wrong; says which.
//
// Pure. For svc/fusion/wire alone. Of a parameter that is given twice the first counts.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "svc/fusion/wire/parameters.h"

namespace fustor::fusion {

class ParameterReader {
 public:
  ParameterReader(const http::Request& request, BadParameter* bad) : request_(request), bad_(bad) {}

  bool ok() const { return ok_; }
  bool Has(std::string_view name) const { return request_.Query(name).has_value(); }

  void Bool(std::string_view name, bool* value);

  // set(text) -> Status says what is right.
  template <class Set>
  void Value(std::string_view name, const Set& set) {
    const auto text = Get(name);
    if (!text) return;
    if (const Status status = set(*text); !status.ok()) Fail(name, status.message());
  }

  // The same for each item of a list with commas between; an empty list is none.
  template <class Set>
  void List(std::string_view name, std::size_t items_max, const Set& set) {
    const auto text = Get(name);
    if (!text || text->empty()) return;
    std::string_view rest = *text;
    for (std::size_t items = 1; ok_; ++items) {
      if (items > items_max) Fail(name, "has more than " + std::to_string(items_max) + " items");
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const Status status = set(rest.substr(0, comma));
      if (!status.ok()) Fail(name, status.message());
      if (comma == rest.size()) return;
      rest.remove_prefix(comma + 1);
    }
  }

  template <class T>
  void Number(std::string_view name, T min, T max, std::optional<T>* value) {
    const auto text = Get(name);
    if (!text) return;
    T n{};
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), n);
    if (error == std::errc() && end == text->data() + text->size() && n >= min && n <= max) {
      *value = n;
      return;
    }
    std::string allowed = "must be a whole number from " + std::to_string(min);
    if (max != std::numeric_limits<T>::max()) allowed += " to " + std::to_string(max);
    Fail(name, allowed);
  }

  // Seconds since 1970 with at most nine decimals, as nanoseconds; or with the name's "_ns" form.
  void Seconds(const std::string& name, std::optional<std::int64_t>* value);

  void Path(std::string_view name, std::string* value);

  void Text(std::string_view name, std::string* value) {
    if (const auto text = Get(name)) *value = *text;
  }

  void Limit(const PageLimits& limits, std::optional<std::uint64_t>* limit);

  void After(std::string* after);

  void Fail(std::string_view name, std::string text);

 private:
  std::optional<std::string_view> Get(std::string_view name) const {
    return ok_ ? request_.Query(name) : std::nullopt;
  }

  const http::Request& request_;
  BadParameter* bad_;
  bool ok_ = true;
};

}  // namespace fustor::fusion
