// parse.h: JSON text into lib/json values, by simdjson.
//
// Thread-safe: no state is kept. Strict: UTF-8 without errors, nothing after the one value, and no
// lone surrogates but those that base/json_writer.h writes: \udc80 .. \udcff each stand for one
// byte that was not UTF-8 and come back as that byte.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "lib/json/json.h"

namespace fustor::json {

struct ParseLimits {
  std::size_t bytes_max = std::size_t{64} << 20;
  std::size_t depth_max = 128;
};

// O(text), and O(text) memory beside the value.
// Errors: kInvalidArgument (what is wrong), kResourceExhausted (over a limit).
Result<Value> Parse(std::string_view text, ParseLimits limits = {});

}  // namespace fustor::json
