// Feeds arbitrary bytes to both readers of JSON, which must agree, and to the writer.
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/json/parse.h"
#include "adapters/json/tape.h"
#include "base/check.h"

namespace fustor::json {
namespace {

Value FromTape(Tape::Node node) {
  switch (node.kind()) {
    case Tape::Kind::kNull:
      return Value();
    case Tape::Kind::kBool:
      return Value(node.Bool());
    case Tape::Kind::kInt:
      return Value(node.Int());
    case Tape::Kind::kUint:
      return Value(node.Uint());
    case Tape::Kind::kDouble:
      return Value(node.Number());
    case Tape::Kind::kString:
      return Value(std::string(node.String()));
    case Tape::Kind::kArray: {
      Value::Array items;
      node.ForEachItem([&](Tape::Node item) { items.push_back(FromTape(item)); });
      return Value(std::move(items));
    }
    case Tape::Kind::kObject: {
      Value::Object members;
      node.ForEachMember([&](std::string_view key, Tape::Node member) {
        members.emplace_back(std::string(key), FromTape(member));
      });
      return Value(std::move(members));
    }
  }
  return Value();
}

void Check(std::string_view bytes) {
  const Result<Value> value = Parse(bytes, {.depth_max = 64});  // As the tape's.
  static const auto parser = MakeTapeParser();
  Tape tape;
  const Status parsed = parser->Parse(bytes, &tape);
  FUSTOR_CHECK(parsed.ok() == value.ok(), "one takes what the other refuses");
  if (!value.ok()) return;
  // As text: 1 and 1u are the same number.
  const std::string printed = value->ToJson();
  FUSTOR_CHECK(FromTape(tape.root()).ToJson() == printed);
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
