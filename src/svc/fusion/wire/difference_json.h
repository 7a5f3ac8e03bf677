// difference_json.h: what is different between two trees, as lines of JSON (docs/http-api.md,
// "Diff").
//
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "lib/tree/diff.h"

namespace fustor::fusion {

// "kind,content": Aspect bits. False: something else.
bool ParseAspects(std::string_view text, std::uint8_t* aspects);

// {"change":"changed","what":["content"],"path":..,["path_b64":..,]"before":{..},"after":{..}}
void AppendDifferenceJson(const tree::Difference& difference, std::string* out);

// Counts what it is told of.
class DifferenceSums {
 public:
  void Add(const tree::Difference& difference);
  // {"added":{..},"removed":{..},"changed":{..}}
  void Write(JsonWriter* json) const;

 private:
  struct Sums {
    std::uint64_t files = 0, directories = 0, bytes = 0, allocated_bytes = 0;
    void Add(const tree::Aggregates& sums);
    void Write(JsonWriter* json) const;
  };
  Sums added_, removed_;
  std::uint64_t changed_ = 0;
  std::uint64_t aspects_[4] = {};
  std::uint64_t bytes_before_ = 0, bytes_after_ = 0;
};

}  // namespace fustor::fusion
