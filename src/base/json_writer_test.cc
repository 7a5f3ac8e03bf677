#include "base/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/prng.h"

namespace fustor {
namespace {

std::string Escaped(std::string_view bytes) {
  std::string out;
  AppendJsonEscaped(&out, bytes);
  return out;
}

TEST(JsonWriter, PlacesSeparatorsBetweenMembersAndElements) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("a").Int(-1).Key("b").BeginArray().Bool(true).Null().BeginObject();
  EXPECT_FALSE(json.complete());
  json.EndObject().EndArray().Key("c").String("x").Key("d").BeginArray().EndArray().EndObject();
  EXPECT_EQ(out, R"({"a":-1,"b":[true,null,{}],"c":"x","d":[]})");
  EXPECT_TRUE(json.complete());
}

TEST(JsonWriter, PrettyIsOneMemberALine) {
  std::string out;
  JsonWriter json(&out, JsonWriter::Style::kPretty);
  json.BeginObject().Key("a").BeginArray().Int(1).Int(2).EndArray();
  json.Key("b").BeginObject().EndObject().EndObject();
  EXPECT_EQ(out, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
}

TEST(JsonWriter, MayBeEmptiedBetweenTwoCalls) {
  std::string out;
  JsonWriter json(&out);
  json.BeginArray().Int(1);
  EXPECT_EQ(std::exchange(out, {}), "[1");
  json.Int(2).EndArray();
  EXPECT_EQ(out, ",2]");
}

TEST(JsonWriter, NumbersAtTheirBorders) {
  std::string out;
  JsonWriter json(&out);
  json.BeginArray();
  json.Int(std::numeric_limits<std::int64_t>::min()).Int(std::numeric_limits<std::int64_t>::max());
  json.Uint(std::numeric_limits<std::uint64_t>::max()).Double(0.1).Double(-0.0).Double(1e300);
  json.Double(1700000000.123456).Double(std::nan("")).Double(-INFINITY).EndArray();
  EXPECT_EQ(out,
            "[-9223372036854775808,9223372036854775807,18446744073709551615,0.1,-0,1e+300,"
            "1700000000.123456,null,null]");
}

TEST(JsonWriter, LargeDoublesAreNoIntegers) {
  std::string out;
  JsonWriter json(&out);
  json.BeginArray().Double(1.2233720368246324e20).Double(-0x1p63).Double(1e19).Double(0x1p62);
  json.EndArray();
  EXPECT_EQ(out, "[1.2233720368246324e+20,-9.223372036854776e+18,1e+19,4611686018427387904]");
}

TEST(JsonWriter, DoublesReadBackAsTheSameNumber) {
  Prng random(7);
  for (int i = 0; i < 20'000; ++i) {
    const double value = std::bit_cast<double>(random.Next());
    if (!std::isfinite(value)) continue;
    std::string out;
    JsonWriter(&out).Double(value);
    EXPECT_EQ(std::strtod(out.c_str(), nullptr), value) << out;
  }
}

TEST(JsonWriter, EscapesWhatJsonCannotHold) {
  const struct {
    std::string_view bytes;
    std::string_view want;
  } cases[] = {
      {"plain/name", "plain/name"},
      {"\"\\", R"(\"\\)"},
      {"\n\r\t\b\x01\x1f\x7f", "\\n\\r\\t\\u0008\\u0001\\u001f\\u007f"},
      {std::string_view("\0", 1), "\\u0000"},
      {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
      {"\xff", "\\udcff"},
      {"a\x80z", "a\\udc80z"},
      {"\xc3", "\\udcc3"},                        // Cut off.
      {"\xed\xb2\x80", "\\udced\\udcb2\\udc80"},  // A surrogate in UTF-8 clothes.
      {"\xc0\xaf", "\\udcc0\\udcaf"},             // Overlong.
      {"\xf4\x90\x80\x80", "\\udcf4\\udc90\\udc80\\udc80"},
  };
  for (const auto& c : cases) EXPECT_EQ(Escaped(c.bytes), c.want);
}

// What a reader that follows the rule of the header does.
std::string Unescaped(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
      continue;
    }
    const char c = text[++i];
    if (c != 'u') {
      bytes += c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
      continue;
    }
    const long unit = std::strtol(std::string(text.substr(i + 1, 4)).c_str(), nullptr, 16);
    bytes += static_cast<char>(unit >= 0xDC80 ? unit - 0xDC00 : unit);
    i += 4;
  }
  return bytes;
}

TEST(JsonWriter, AnyBytesSurviveARoundTrip) {
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    std::string bytes;
    for (std::uint64_t n = random.Below(40); n > 0; --n) {
      bytes += static_cast<char>(random.Chance(1, 3) ? random.Below(128) : random.Below(256));
    }
    const std::string text = Escaped(bytes);
    EXPECT_EQ(Unescaped(text), bytes);
    for (const char c : text) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
  }
}

TEST(JsonWriterDeathTest, MisuseStops) {
  std::string out;
  EXPECT_DEATH(JsonWriter(&out).BeginObject().Int(1), "without its key");
  EXPECT_DEATH(JsonWriter(&out).BeginObject().EndArray(), "check failed");
  EXPECT_DEATH(JsonWriter(&out).BeginArray().Key("a"), "check failed");
  EXPECT_DEATH(JsonWriter(&out).Int(1).Int(2), "second value");
}

}  // namespace
}  // namespace fustor
