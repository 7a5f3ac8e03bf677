#include "adapters/json/tape.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "adapters/json/surrogates.h"
#include "base/utf8.h"

namespace fustor::json {
namespace {

constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kKeptBytes = std::size_t{64} << 20;

// From simdjson's values to ours. The depth is bounded by the parser.
class Filler {
 public:
  Filler(bool translated, Tape* tape) : translated_(translated), tape_(tape) {}

  void Add(simdjson::dom::element element) const {
    using simdjson::dom::element_type;
    switch (element.type()) {
      case element_type::ARRAY: {
        const std::uint32_t begin = tape_->Begin(Tape::Kind::kArray);
        for (const simdjson::dom::element item : element.get_array().value_unsafe()) Add(item);
        return tape_->End(begin);
      }
      case element_type::OBJECT: {
        const std::uint32_t begin = tape_->Begin(Tape::Kind::kObject);
        for (const auto [key, value] : element.get_object().value_unsafe()) {
          AddText(key);
          Add(value);
        }
        return tape_->End(begin);
      }
      case element_type::INT64:
        return tape_->AddInt(element.get_int64().value_unsafe());
      case element_type::UINT64:
        return tape_->AddUint(element.get_uint64().value_unsafe());
      case element_type::DOUBLE:
        return tape_->AddDouble(element.get_double().value_unsafe());
      case element_type::STRING:
        return AddText(element.get_string().value_unsafe());
      case element_type::BOOL:
        return tape_->AddBool(element.get_bool().value_unsafe());
      case element_type::NULL_VALUE:
        return tape_->AddNull();
    }
  }

 private:
  void AddText(std::string_view text) const {
    if (translated_) {
      tape_->AddString(TranslateBack(text));
    } else {
      tape_->AddString(text);
    }
  }

  bool translated_;
  Tape* tape_;
};

// Reads all below `value` until something is wrong.
simdjson::error_code Walk(simdjson::ondemand::value value) {
  namespace od = simdjson::ondemand;
  od::json_type type{};
  if (const auto error = value.type().get(type)) return error;
  switch (type) {
    case od::json_type::array: {
      od::array items;
      if (const auto error = value.get_array().get(items)) return error;
      for (auto each : items) {
        od::value item;
        if (const auto error = each.get(item)) return error;
        if (const auto error = Walk(item)) return error;
      }
      return simdjson::SUCCESS;
    }
    case od::json_type::object: {
      od::object members;
      if (const auto error = value.get_object().get(members)) return error;
      for (auto each : members) {
        od::field member;
        if (const auto error = std::move(each).get(member)) return error;
        std::string_view key;
        if (const auto error = member.unescaped_key().get(key)) return error;
        if (const auto error = Walk(member.value())) return error;
      }
      return simdjson::SUCCESS;
    }
    case od::json_type::string: {
      std::string_view text;
      return value.get_string().get(text);
    }
    case od::json_type::number: {
      od::number number;
      return value.get_number().get(number);
    }
    case od::json_type::boolean: {
      bool b = false;
      return value.get_bool().get(b);
    }
    case od::json_type::null: {
      bool b = false;
      return value.is_null().get(b);
    }
  }
  return simdjson::SUCCESS;
}

// Near which byte a text is wrong that is known to be: the document parser does not tell.
std::size_t FindFault(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t n = Utf8SequenceLength(text.substr(at));
    if (n == 0) return at;
    at += n;
  }
  const simdjson::padded_string padded(text);
  simdjson::ondemand::parser parser(text.size() + 1);
  simdjson::ondemand::document document;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return text.size();
  simdjson::ondemand::value value;
  if (document.get_value().get(value) == simdjson::SUCCESS) (void)Walk(value);
  const char* where = nullptr;
  if (document.current_location().get(where) != simdjson::SUCCESS) return text.size();
  return std::min(text.size(), static_cast<std::size_t>(where - padded.data()));
}

class SimdTapeParser final : public TapeParser {
 public:
  Status Parse(std::string_view text, Tape* tape) override {
    tape->Clear();
    if (text.size() > UINT32_MAX / 4) return {Code::kResourceExhausted, "JSON: too long"};
    if (!MayHoldSurrogates(text)) return ParseTranslated(text, false, tape);
    FUSTOR_TRY_ASSIGN(const std::string translated, Translate(text));
    return ParseTranslated(translated, true, tape);
  }

 private:
  Status ParseTranslated(std::string_view text, bool translated, Tape* tape) {
    if (parser_.capacity() > kKeptBytes) parser_ = simdjson::dom::parser();
    // simdjson refuses at its limit, not above it.
    if (parser_.capacity() < text.size() || parser_.max_depth() != kDepthMax + 1) {
      if (parser_.allocate(text.size(), kDepthMax + 1) != simdjson::SUCCESS) {
        return {Code::kResourceExhausted, "JSON: out of memory"};
      }
    }
    simdjson::dom::element root;
    const auto error = parser_.parse(text.data(), text.size()).get(root);
    if (error == simdjson::DEPTH_ERROR) {
      return {Code::kResourceExhausted, "JSON: nested too deeply"};
    }
    if (error != simdjson::SUCCESS) {
      return Malformed(std::string(simdjson::error_message(error)) + " (near byte " +
                       std::to_string(FindFault(text)) + ")");
    }
    Filler(translated, tape).Add(root);
    return {};
  }

  simdjson::dom::parser parser_;
};

}  // namespace

std::unique_ptr<TapeParser> MakeTapeParser() { return std::make_unique<SimdTapeParser>(); }

}  // namespace fustor::json
