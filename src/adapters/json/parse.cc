#include "adapters/json/parse.h"

#include <simdjson.h>

#include <cstdint>

#include "adapters/json/surrogates.h"

namespace fustor::json {
namespace {

// From simdjson's values to ours. The depth is bounded by the parser.
class Converter {
 public:
  explicit Converter(bool translated) : translated_(translated) {}

  Value Convert(simdjson::dom::element element) const {
    using simdjson::dom::element_type;
    switch (element.type()) {
      case element_type::ARRAY:
        return ConvertArray(element.get_array().value_unsafe());
      case element_type::OBJECT:
        return ConvertObject(element.get_object().value_unsafe());
      case element_type::INT64:
        return Value(std::int64_t{element.get_int64().value_unsafe()});
      case element_type::UINT64:
        return Value(std::uint64_t{element.get_uint64().value_unsafe()});
      case element_type::DOUBLE:
        return Value(element.get_double().value_unsafe());
      case element_type::STRING:
        return Value(Text(element.get_string().value_unsafe()));
      case element_type::BOOL:
        return Value(element.get_bool().value_unsafe());
      case element_type::NULL_VALUE:
        return Value();
    }
    return Value();
  }

 private:
  std::string Text(std::string_view text) const {
    return translated_ ? TranslateBack(text) : std::string(text);
  }
  Value ConvertArray(simdjson::dom::array array) const {
    Value::Array items;
    items.reserve(array.size());
    for (const simdjson::dom::element item : array) items.push_back(Convert(item));
    return Value(std::move(items));
  }
  Value ConvertObject(simdjson::dom::object object) const {
    Value::Object members;
    members.reserve(object.size());
    for (const auto [key, value] : object) members.emplace_back(Text(key), Convert(value));
    return Value(std::move(members));
  }

  bool translated_;
};

Result<Value> ParseTranslated(std::string_view text, std::size_t depth_max, bool translated) {
  simdjson::dom::parser parser;
  // simdjson refuses at its limit, not above it.
  if (parser.allocate(text.size(), depth_max + 1) != simdjson::SUCCESS) {
    return Status(Code::kResourceExhausted, "JSON: out of memory");
  }
  simdjson::dom::element root;
  const auto error = parser.parse(text.data(), text.size()).get(root);
  if (error == simdjson::DEPTH_ERROR) {
    return Status(Code::kResourceExhausted, "JSON: nested too deeply");
  }
  if (error != simdjson::SUCCESS) return Malformed(simdjson::error_message(error));
  return Converter(translated).Convert(root);
}

}  // namespace

Result<Value> Parse(std::string_view text, ParseLimits limits) {
  if (text.size() > limits.bytes_max) {
    return Status(Code::kResourceExhausted,
                  "JSON: more than " + std::to_string(limits.bytes_max) + " bytes");
  }
  if (!MayHoldSurrogates(text)) return ParseTranslated(text, limits.depth_max, false);
  FUSTOR_TRY_ASSIGN(const std::string translated, Translate(text));
  return ParseTranslated(translated, limits.depth_max, true);
}

}  // namespace fustor::json
