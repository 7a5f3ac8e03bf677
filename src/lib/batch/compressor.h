// compressor.h: how a batch is made smaller for the wire. adapters/zstd has the real one.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace fustor::batch {

// Deterministic. One thread at a time.
class Compressor {
 public:
  virtual ~Compressor() = default;
  // One frame that says how large its content is.
  virtual std::string Compress(std::string_view plain) = 0;
  // Errors: kInvalidArgument (not a whole frame, or it does not say how large its content is),
  // kResourceExhausted (the content is larger than limit_bytes).
  virtual Result<std::string> Decompress(std::string_view frame, std::size_t limit_bytes) = 0;
};

}  // namespace fustor::batch
