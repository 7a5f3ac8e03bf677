// json.h: a JSON document as values in memory, for what is small: configuration answers, connection
// files, test expectations, the command line's view of an answer. Rows of data never pass here.
//
// Pure. A Value owns all below it. Not thread-safe for writing. Strings are bytes: those that the
// writer had to escape (base/json_writer.h) are back in their own form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_writer.h"
#include "base/result.h"

namespace fustor::json {

class Value {
 public:
  using Array = std::vector<Value>;
  // In the order of the document. Of equal keys the last one counts.
  using Object = std::vector<std::pair<std::string, Value>>;

  Value() = default;  // null
  explicit Value(bool v) : value_(v) {}
  explicit Value(std::int64_t v) : value_(v) {}
  explicit Value(std::uint64_t v) : value_(v) {}
  explicit Value(double v) : value_(v) {}
  explicit Value(std::string v) : value_(std::move(v)) {}
  explicit Value(Array v) : value_(std::move(v)) {}
  explicit Value(Object v) : value_(std::move(v)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // "a string", "an integer", ...: for error texts.
  std::string_view TypeName() const;

  // The value itself in the type asked for. Errors: kInvalidArgument ("expected an integer, found a
  // string"). An integer is a Double, too; a Double without fraction that fits is an Int or Uint.
  Result<bool> AsBool() const;
  Result<std::int64_t> AsInt() const;
  Result<std::uint64_t> AsUint() const;
  Result<double> AsDouble() const;
  Result<std::string_view> AsString() const;

  // Elements and members; empty for every other type.
  const Array& items() const;
  const Object& members() const;

  // nullptr when this is no object or has no such member. O(members).
  const Value* Find(std::string_view key) const;

  // The member `key` of this object. Errors: kInvalidArgument that names the key ("'size': expected
  // an integer, found a string", "'size' is missing").
  Result<bool> GetBool(std::string_view key) const;
  Result<std::int64_t> GetInt(std::string_view key) const;
  Result<std::uint64_t> GetUint(std::string_view key) const;
  Result<double> GetDouble(std::string_view key) const;
  Result<std::string_view> GetString(std::string_view key) const;
  Result<const Array*> GetArray(std::string_view key) const;
  // Valid as long as this value.
  Result<const Value*> GetObject(std::string_view key) const;
  // `missing` when the member is not there or null; a wrong type is an error all the same.
  Result<std::string_view> GetStringOr(std::string_view key, std::string_view missing) const;
  Result<std::int64_t> GetIntOr(std::string_view key, std::int64_t missing) const;
  Result<bool> GetBoolOr(std::string_view key, bool missing) const;

  void Write(JsonWriter* json) const;
  std::string ToJson(JsonWriter::Style style = JsonWriter::Style::kCompact) const;

  friend bool operator==(const Value&, const Value&) = default;

 private:
  Result<const Value*> Member(std::string_view key) const;

  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array,
               Object>
      value_;
};

}  // namespace fustor::json
