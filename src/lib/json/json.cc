#include "lib/json/json.h"

#include <array>
#include <cmath>
#include <limits>

namespace fustor::json {
namespace {

Status Expected(std::string_view wanted, const Value& found) {
  return Status(Code::kInvalidArgument,
                "expected " + std::string(wanted) + ", found " + std::string(found.TypeName()));
}

Status Named(std::string_view key, const Status& status) {
  return status.Within("'" + std::string(key) + "'");
}

// A result about a member, with its key in the error.
template <class T>
Result<T> Named(std::string_view key, Result<T> result) {
  if (result.ok()) return result;
  return Named(key, result.status());
}

bool IsWhole(double v) { return std::isfinite(v) && v == std::trunc(v); }

}  // namespace

std::string_view Value::TypeName() const {
  static constexpr std::array<std::string_view, 8> kNames = {
      "null",     "a boolean", "an integer", "an integer",
      "a number", "a string",  "an array",   "an object"};
  return kNames[value_.index()];
}

Result<bool> Value::AsBool() const {
  if (const bool* v = std::get_if<bool>(&value_)) return *v;
  return Expected("a boolean", *this);
}

Result<std::int64_t> Value::AsInt() const {
  if (const auto* v = std::get_if<std::int64_t>(&value_)) return *v;
  if (const auto* v = std::get_if<std::uint64_t>(&value_)) {
    if (std::in_range<std::int64_t>(*v)) return static_cast<std::int64_t>(*v);
    return Status(Code::kInvalidArgument, "the integer is out of range");
  }
  if (const auto* v = std::get_if<double>(&value_); v != nullptr && IsWhole(*v)) {
    if (*v >= -0x1p63 && *v < 0x1p63) return static_cast<std::int64_t>(*v);
    return Status(Code::kInvalidArgument, "the integer is out of range");
  }
  return Expected("an integer", *this);
}

Result<std::uint64_t> Value::AsUint() const {
  if (const auto* v = std::get_if<std::uint64_t>(&value_)) return *v;
  if (const auto* v = std::get_if<double>(&value_);
      v != nullptr && IsWhole(*v) && *v >= 0 && *v < 0x1p64) {
    return static_cast<std::uint64_t>(*v);
  }
  FUSTOR_TRY_ASSIGN(const std::int64_t v, AsInt());
  if (v < 0) return Status(Code::kInvalidArgument, "the integer is negative");
  return static_cast<std::uint64_t>(v);
}

Result<double> Value::AsDouble() const {
  if (const auto* v = std::get_if<double>(&value_)) return *v;
  if (const auto* v = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*v);
  if (const auto* v = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*v);
  return Expected("a number", *this);
}

Result<std::string_view> Value::AsString() const {
  if (const auto* v = std::get_if<std::string>(&value_)) return std::string_view(*v);
  return Expected("a string", *this);
}

const Value::Array& Value::items() const {
  static const Array kNone;
  const auto* v = std::get_if<Array>(&value_);
  return v == nullptr ? kNone : *v;
}

const Value::Object& Value::members() const {
  static const Object kNone;
  const auto* v = std::get_if<Object>(&value_);
  return v == nullptr ? kNone : *v;
}

const Value* Value::Find(std::string_view key) const {
  const Object& object = members();
  for (auto it = object.rbegin(); it != object.rend(); ++it) {
    if (it->first == key) return &it->second;
  }
  return nullptr;
}

Result<const Value*> Value::Member(std::string_view key) const {
  if (!is_object()) return Named(key, Expected("an object around it", *this));
  const Value* member = Find(key);
  if (member != nullptr) return member;
  return Status(Code::kInvalidArgument, "'" + std::string(key) + "' is missing");
}

Result<bool> Value::GetBool(std::string_view key) const {
  FUSTOR_TRY_ASSIGN(const Value* v, Member(key));
  return Named(key, v->AsBool());
}

Result<std::int64_t> Value::GetInt(std::string_view key) const {
  FUSTOR_TRY_ASSIGN(const Value* v, Member(key));
  return Named(key, v->AsInt());
}

Result<std::uint64_t> Value::GetUint(std::string_view key) const {
  FUSTOR_TRY_ASSIGN(const Value* v, Member(key));
  return Named(key, v->AsUint());
}

Result<double> Value::GetDouble(std::string_view key) const {
  FUSTOR_TRY_ASSIGN(const Value* v, Member(key));
  return Named(key, v->AsDouble());
}

Result<std::string_view> Value::GetString(std::string_view key) const {
  FUSTOR_TRY_ASSIGN(const Value* v, Member(key));
  return Named(key, v->AsString());
}

Result<const Value::Array*> Value::GetArray(std::string_view key) const {
  FUSTOR_TRY_ASSIGN(const Value* v, Member(key));
  if (!v->is_array()) return Named(key, Expected("an array", *v));
  return &v->items();
}

Result<const Value*> Value::GetObject(std::string_view key) const {
  FUSTOR_TRY_ASSIGN(const Value* v, Member(key));
  if (!v->is_object()) return Named(key, Expected("an object", *v));
  return v;
}

Result<std::string_view> Value::GetStringOr(std::string_view key, std::string_view missing) const {
  const Value* v = Find(key);
  if (v == nullptr || v->is_null()) return missing;
  return Named(key, v->AsString());
}

Result<std::int64_t> Value::GetIntOr(std::string_view key, std::int64_t missing) const {
  const Value* v = Find(key);
  if (v == nullptr || v->is_null()) return missing;
  return Named(key, v->AsInt());
}

Result<bool> Value::GetBoolOr(std::string_view key, bool missing) const {
  const Value* v = Find(key);
  if (v == nullptr || v->is_null()) return missing;
  return Named(key, v->AsBool());
}

void Value::Write(JsonWriter* json) const {
  if (is_object()) {
    json->BeginObject();
    for (const auto& [key, member] : members()) {
      json->Key(key);
      member.Write(json);
    }
    json->EndObject();
  } else if (is_array()) {
    json->BeginArray();
    for (const Value& item : items()) item.Write(json);
    json->EndArray();
  } else if (const auto* s = std::get_if<std::string>(&value_)) {
    json->String(*s);
  } else if (const auto* d = std::get_if<double>(&value_)) {
    json->Double(*d);
  } else if (const auto* i = std::get_if<std::int64_t>(&value_)) {
    json->Int(*i);
  } else if (const auto* u = std::get_if<std::uint64_t>(&value_)) {
    json->Uint(*u);
  } else if (const bool* b = std::get_if<bool>(&value_)) {
    json->Bool(*b);
  } else {
    json->Null();
  }
}

std::string Value::ToJson(JsonWriter::Style style) const {
  std::string text;
  JsonWriter json(&text, style);
  Write(&json);
  return text;
}

}  // namespace fustor::json
