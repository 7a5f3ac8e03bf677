// json_writer.h: writes JSON into a string, piece by piece.
//
//   JsonWriter json(&out);
//   json.BeginObject().Key("path").String(path).Key("size").Int(n).EndObject();
//
// Deterministic. Not thread-safe; owned by one writer, which may move finished bytes out of the
// string at any time between two calls. Separators are placed by the writer. Misuse (a value
// without its key, an end without its begin) is a bug of the caller and stops the program.
//
// Strings are bytes. What is valid UTF-8 is written as it is; each byte that is not part of it is
// written as the escape \udc80 .. \udcff (the byte plus 0xDC00), which no text can contain, so that
// the bytes survive a round trip (the rule of Python's "surrogateescape"). Control characters are
// escaped, '/' is not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fustor {

class JsonWriter {
 public:
  enum class Style {
    kCompact,
    kPretty,  // Two spaces a level, one member a line: for people.
  };

  // Appends to `*out`, which must outlive the writer.
  explicit JsonWriter(std::string* out, Style style = Style::kCompact) : out_(out), style_(style) {}

  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();
  // REQUIRES: inside an object, where a value may begin.
  JsonWriter& Key(std::string_view key);

  JsonWriter& String(std::string_view value);
  JsonWriter& Int(std::int64_t value);
  JsonWriter& Uint(std::uint64_t value);
  // The shortest digits that read back as the same number; NaN and infinities become null.
  JsonWriter& Double(double value);
  JsonWriter& Bool(bool value);
  JsonWriter& Null();
  // `json` must be one complete value; it is copied as it is.
  JsonWriter& Raw(std::string_view json);

  // True when every Begin has met its End and a value was written.
  bool complete() const { return open_.empty() && has_value_; }

 private:
  struct Level {
    bool object;
    bool empty = true;
    bool key_pending = false;
  };

  JsonWriter& Begin(bool object, char bracket);
  JsonWriter& End(bool object, char bracket);
  void BeforeValue();
  void NextLine();

  std::string* out_;
  Style style_;
  std::vector<Level> open_;
  bool has_value_ = false;
};

// Appends `bytes` with the escapes above, without the quotes.
void AppendJsonEscaped(std::string* out, std::string_view bytes);

}  // namespace fustor
