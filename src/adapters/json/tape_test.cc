#include "adapters/json/tape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/json/parse.h"
#include "adapters/json/tape_testing.h"
#include "base/prng.h"

namespace fustor::json {
namespace {

using ::testing::HasSubstr;

Value RandomValue(Prng& random, int depth) {
  switch (random.Below(depth > 0 ? 8 : 6)) {
    case 0:
      return Value();
    case 1:
      return Value(random.Chance(1, 2));
    case 2:
      return Value(static_cast<std::int64_t>(random.Next()));
    case 3:
      return Value(random.Next() | std::uint64_t{1} << 63);
    case 4:
      return Value(static_cast<double>(random.Below(1'000'000)) / 64 + 1.0 / 128);
    case 5: {
      std::string bytes;
      for (std::uint64_t n = random.Below(12); n > 0; --n) {
        bytes += static_cast<char>(random.Chance(1, 3) ? random.Below(256) : 'a' + random.Below(9));
      }
      return Value(std::move(bytes));
    }
    case 6: {
      Value::Array items;
      for (std::uint64_t n = random.Below(5); n > 0; --n) {
        items.push_back(RandomValue(random, depth - 1));
      }
      return Value(std::move(items));
    }
    default: {
      Value::Object members;
      for (std::uint64_t n = random.Below(5); n > 0; --n) {
        members.emplace_back("k" + std::to_string(n), RandomValue(random, depth - 1));
      }
      return Value(std::move(members));
    }
  }
}

TEST(Tape, SaysTheSameAsTheParserOfValues) {
  const auto parser = MakeTapeParser();
  Tape tape;
  for (std::uint64_t seed = 0; seed < 3'000; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const std::string text = RandomValue(random, 4).ToJson();
    const Result<Value> expected = Parse(text);
    ASSERT_TRUE(expected.ok()) << text;
    ASSERT_TRUE(parser->Parse(text, &tape).ok()) << text;
    EXPECT_EQ(ToValue(tape.root()).ToJson(), expected->ToJson());
  }
}

TEST(Tape, RefusesWhatTheParserOfValuesRefuses) {
  const auto parser = MakeTapeParser();
  Tape tape;
  const std::string text = R"({"a":[1,-2,0.1,"\udc80\ufdd0\ud83d\ude00"],"b":{"c":null,"d":true}})";
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    std::string changed = text;
    for (int i = 0; i < 3; ++i) {
      changed[random.Below(changed.size())] = static_cast<char>(random.Below(256));
    }
    const Result<Value> expected = Parse(changed);
    const Status parsed = parser->Parse(changed, &tape);
    ASSERT_EQ(parsed.ok(), expected.ok()) << parsed.ToString();
    if (parsed.ok()) EXPECT_EQ(ToValue(tape.root()).ToJson(), expected->ToJson());
  }
}

TEST(Tape, SaysWhereATextIsWrong) {
  const auto parser = MakeTapeParser();
  Tape tape;
  const std::pair<std::string, std::string> cases[] = {
      {R"({"a":1,"b":[nul]})", "(near byte 12)"},
      {R"({"a" 1})", "(near byte 5)"},
      {R"(["abc",01])", "(near byte 7)"},
      {R"({"a":1,})", "(near byte 7)"},
      {"[\"\xff\"]", "(near byte 2)"},
      {R"(["a)", "(near byte 3)"},
      {"", "(near byte 0)"},
  };
  for (const auto& [text, where] : cases) {
    const Status status = parser->Parse(text, &tape);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << text;
    EXPECT_THAT(status.message(), HasSubstr(where)) << text;
  }
  const auto nested = [](std::size_t n) { return std::string(n, '[') + "1" + std::string(n, ']'); };
  EXPECT_TRUE(parser->Parse(nested(64), &tape).ok());
  EXPECT_EQ(parser->Parse(nested(65), &tape).code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace fustor::json
