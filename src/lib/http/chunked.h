// chunked.h: takes the chunked transfer coding off a body (RFC 9112, section 7.1).
//
// A pure state machine over bytes in any portions. Chunk extensions and trailer fields are checked
// and dropped. Thread safety: none.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace fustor::http {

class ChunkDecoder {
 public:
  // Takes bytes off the front of `in` and returns the next piece of content, a view into them.
  // Empty: `in` is used up, or the body has ended (done()); then the rest of `in` is not of this
  // body. Errors: kInvalidArgument (malformed, or far more framing than content: at most 16 KiB and
  // 16 bytes for each byte of content); nothing can follow then.
  Result<std::string_view> Next(std::string_view& in);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State {
    kSizeStart,
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailer,
    kTrailerLf,
    kEndLf,
    kDone,
    kBroken,
  };
  // One byte of framing. False when it does not belong there.
  bool Step(char c);
  bool StepSize(char c);

  State state_ = State::kSizeStart;
  std::uint64_t remaining_bytes_ = 0;  // Of the chunk.
  std::uint64_t content_bytes_ = 0;
  std::uint64_t framing_bytes_ = 0;
};

}  // namespace fustor::http
