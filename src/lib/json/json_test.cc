#include "lib/json/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace fustor::json {
namespace {

Value Int(std::int64_t n) { return Value(n); }
Value Text(std::string s) { return Value(std::move(s)); }

Value Example() {
  return Value(Value::Object{{"name", Text("a")},
                             {"size", Int(7)},
                             {"big", Value(std::numeric_limits<std::uint64_t>::max())},
                             {"ratio", Value(0.5)},
                             {"whole", Value(3.0)},
                             {"on", Value(true)},
                             {"none", Value()},
                             {"list", Value(Value::Array{Int(1), Text("x")})},
                             {"size", Int(8)}});
}

TEST(JsonValue, GettersGiveWhatIsThere) {
  const Value v = Example();
  EXPECT_EQ(v.GetString("name").value(), "a");
  EXPECT_EQ(v.GetInt("size").value(), 8) << "of equal keys the last counts";
  EXPECT_EQ(v.GetUint("big").value(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(v.GetDouble("size").value(), 8.0);
  EXPECT_EQ(v.GetInt("whole").value(), 3);
  EXPECT_EQ(v.GetUint("whole").value(), 3u);
  EXPECT_TRUE(v.GetBool("on").value());
  EXPECT_EQ(v.GetArray("list").value()->size(), 2u);
  EXPECT_EQ(v.GetStringOr("none", "d").value(), "d");
  EXPECT_EQ(v.GetIntOr("nothing", -1).value(), -1);
  EXPECT_TRUE(v.GetBoolOr("on", false).value());
  EXPECT_EQ(v.Find("nothing"), nullptr);
  EXPECT_TRUE(Int(1).items().empty());
}

TEST(JsonValue, ErrorsNameTheKeyAndBothTypes) {
  const Value v = Example();
  const std::pair<Status, std::string> cases[] = {
      {v.GetInt("name").status(), "'name': expected an integer, found a string"},
      {v.GetInt("ratio").status(), "'ratio': expected an integer, found a number"},
      {v.GetInt("big").status(), "'big': the integer is out of range"},
      {v.GetUint("nothing").status(), "'nothing' is missing"},
      {v.GetString("none").status(), "'none': expected a string, found null"},
      {v.GetBool("list").status(), "'list': expected a boolean, found an array"},
      {v.GetArray("name").status(), "'name': expected an array, found a string"},
      {v.GetObject("on").status(), "'on': expected an object, found a boolean"},
      {v.GetDouble("name").status(), "'name': expected a number, found a string"},
      {v.GetStringOr("size", "").status(), "'size': expected a string, found an integer"},
      {Int(1).GetInt("a").status(), "'a': expected an object around it, found an integer"},
      {Int(-1).AsUint().status(), "the integer is negative"},
      {Value(1e300).AsInt().status(), "the integer is out of range"},
  };
  for (const auto& [status, text] : cases) {
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_EQ(status.message(), text);
  }
}

TEST(JsonValue, WritesWhatItHolds) {
  EXPECT_EQ(Example().ToJson(),
            R"({"name":"a","size":7,"big":18446744073709551615,"ratio":0.5,"whole":3,"on":true,)"
            R"("none":null,"list":[1,"x"],"size":8})");
}

}  // namespace
}  // namespace fustor::json
