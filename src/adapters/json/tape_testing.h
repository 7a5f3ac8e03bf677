// tape_testing.h: a tape as a value, so that tests can compare what the two readers say.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "adapters/json/tape.h"
#include "lib/json/json.h"

namespace fustor::json {

inline Value ToValue(Tape::Node node) {
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
      node.ForEachItem([&](Tape::Node item) { items.push_back(ToValue(item)); });
      return Value(std::move(items));
    }
    case Tape::Kind::kObject: {
      Value::Object members;
      node.ForEachMember([&](std::string_view key, Tape::Node member) {
        members.emplace_back(std::string(key), ToValue(member));
      });
      return Value(std::move(members));
    }
  }
  return Value();
}

}  // namespace fustor::json
