// Feeds arbitrary bytes to both readers of JSON, which must agree, and to the writer.
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/json/parse.h"
#include "adapters/json/tape.h"
#include "adapters/json/tape_testing.h"
#include "base/check.h"

namespace fustor::json {
namespace {

void Check(std::string_view bytes) {
  const Result<Value> value = Parse(bytes, {.depth_max = 64});  // As the tape's.
  static const auto parser = MakeTapeParser();
  Tape tape;
  const Status parsed = parser->Parse(bytes, &tape);
  FUSTOR_CHECK(parsed.ok() == value.ok(), "one takes what the other refuses");
  if (!value.ok()) return;
  // As text: 1 and 1u are the same number.
  const std::string printed = value->ToJson();
  FUSTOR_CHECK(ToValue(tape.root()).ToJson() == printed);
  for (const JsonWriter::Style style : {JsonWriter::Style::kCompact, JsonWriter::Style::kPretty}) {
    const Result<Value> again = Parse(value->ToJson(style));
    FUSTOR_CHECK(again.ok());
    // -0.0 is written as -0, which is read as the integer.
    if (printed.find("-0") == std::string::npos) FUSTOR_CHECK(again->ToJson() == printed);
  }
}

// Any bytes at all survive as a string.
void CheckString(std::string_view bytes) {
  std::string text;
  JsonWriter(&text).BeginArray().String(bytes).EndArray();
  const Result<Value> value = Parse(text);
  FUSTOR_CHECK(value.ok() && *value->items().at(0).AsString() == bytes);
}

}  // namespace
}  // namespace fustor::json

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fustor::json::Check(bytes);
  fustor::json::CheckString(bytes);
  return 0;
}
