#include "adapters/json/parse.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace fustor::json {
namespace {

TEST(Parse, EveryTypeComesBackAsItWas) {
  const std::string text =
      R"({"a":[1,-2,18446744073709551615,0.1,true,false,null,"x"],"b":{},"c":[]})";
  EXPECT_EQ(Parse(text).value().ToJson(), text);
  EXPECT_EQ(Parse(" 7 ").value().AsInt().value(), 7);
  EXPECT_EQ(Parse(R"("\u00e9\ud83d\ude00\n\/")").value().AsString().value(),
            "\xc3\xa9\xf0\x9f\x98\x80\n/");
}

TEST(Parse, RefusesWhatIsNotJson) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[1,]",
                           "{\"a\":}",
                           "nul",
                           "1 2",
                           "\"\xff\"",
                           "\"\\x\"",
                           "01",
                           "[1 2]",
                           "\"\\ud800\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\udc7f\"",
                           "\"\\udd00\"",
                           "\"\\ud800\\",
                           "\\udc80",
                           "123456789012345678901234567890",
                           "\"\\udc8\"",
                           "\"\\ud",
                           "\"a",
                           "\"\n\""}) {
    const Result<Value> value = Parse(text);
    EXPECT_EQ(value.status().code(), Code::kInvalidArgument) << text;
    EXPECT_TRUE(value.status().message().starts_with("JSON: ")) << value.status().message();
  }
}

TEST(Parse, HoldsItsLimits) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + "1" + std::string(depth, ']');
  };
  EXPECT_TRUE(Parse(nested(128)).ok());
  EXPECT_EQ(Parse(nested(129)).status().code(), Code::kResourceExhausted);
  EXPECT_EQ(Parse(nested(1'000'000)).status().code(), Code::kResourceExhausted);
  EXPECT_TRUE(Parse("\"abc\"", {.bytes_max = 5}).ok());
  EXPECT_EQ(Parse("\"abc\"", {.bytes_max = 4}).status().code(), Code::kResourceExhausted);
}

TEST(Parse, LoneSurrogatesAreTheBytesTheyStandFor) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"("\udc80\uDCFF")", "\x80\xff"},
      {R"("\udcc3x\ud83d\ude00")", "\xc3x\xf0\x9f\x98\x80"},
      // A low one right behind a whole pair, and an escaped backslash before a 'u'.
      {R"("\ud83d\ude00\udc80")", "\xf0\x9f\x98\x80\x80"},
      {R"("\\udc80\udc81")", "\\udc80\x81"},
      // The marker itself, written both ways, beside one that is needed.
      {"\"\xef\xb7\x90"
       R"(99\ufdd0\udc99")",
       "\xef\xb7\x90"
       "99\xef\xb7\x90\x99"},
      {"\"\xef\xb7\x90\"", "\xef\xb7\x90"},
  };
  for (const auto& [text, bytes] : cases) {
    EXPECT_EQ(Parse(text).value().AsString().value(), bytes) << text;
  }
  const Value keyed = Parse(R"({"\udcff":1})").value();
  EXPECT_EQ(keyed.GetInt("\xff").value(), 1);
}

TEST(Parse, AnyBytesSurviveTheWriterAndTheParser) {
  for (std::uint64_t seed = 0; seed < 3'000; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    std::string bytes;
    for (std::uint64_t n = random.Below(40); n > 0; --n) {
      constexpr std::string_view kPieces[] = {"\xef\xb7\x90", "\\", "u", "dc80", "00", "\xf0\x9f"};
      if (random.Chance(1, 4)) {
        bytes += kPieces[random.Below(6)];
      } else {
        bytes += static_cast<char>(random.Below(256));
      }
    }
    const Value value{Value::Object{{bytes, Value(bytes)}}};
    const Result<Value> parsed = Parse(value.ToJson());
    ASSERT_TRUE(parsed.ok()) << parsed.status().ToString() << value.ToJson();
    EXPECT_EQ(*parsed, value);
  }
}

TEST(Parse, CutOrChangedTextNeverCrashes) {
  const std::string text = R"({"a":[1,-2,0.1,"\udc80\ufdd0\ud83d\ude00"],"b":{"c":null,"d":true}})";
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(Parse(text.substr(0, n)).ok());
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    Prng random(seed);
    std::string changed = text;
    for (int i = 0; i < 3; ++i) {
      changed[random.Below(changed.size())] = static_cast<char>(random.Below(256));
    }
    const Result<Value> value = Parse(changed);
    if (value.ok()) EXPECT_EQ(Parse(value->ToJson()).value(), *value) << "seed " << seed;
  }
}

}  // namespace
}  // namespace fustor::json
