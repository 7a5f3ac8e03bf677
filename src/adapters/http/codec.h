// codec.h: gzip and zstd as streams, for content codings.
//
// Memory per stream is bounded (about 300 KiB for an encoder, at most 8 MiB + 64 KiB for a decoder:
// a zstd window over 8 MiB is refused, as RFC 8878 recommends). Thread safety: none per object.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lib/http/text.h"

namespace fustor::http {

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Takes bytes off the front of `in` and appends what they mean to `out`, at most `out_bytes_max`
  // bytes. When it appended that many there may be more: call again, even with an empty `in`.
  // Errors: kInvalidArgument (malformed).
  virtual Status Decode(std::string_view& in, std::string& out, std::size_t out_bytes_max) = 0;
  // True where the input may end.
  virtual bool AtEnd() const = 0;
};
// REQUIRES: not kIdentity.
std::unique_ptr<Decoder> MakeDecoder(Coding coding);

class Encoder {
 public:
  enum class Flush { kPiece, kEnd };

  virtual ~Encoder() = default;
  // Appends the coded form of `in` to `out`; the receiver can decode all of it at once.
  virtual void Encode(std::string_view in, Flush flush, std::string& out) = 0;
  // Ready for another stream.
  virtual void Reset() = 0;
};
// REQUIRES: not kIdentity.
std::unique_ptr<Encoder> MakeEncoder(Coding coding);

}  // namespace fustor::http
