#include "lib/http/chunked.h"

#include <algorithm>

namespace fustor::http {
namespace {

constexpr std::uint64_t kFramingBytesMax = 16 << 10;
constexpr std::uint64_t kFramingPerContent = 16;
constexpr std::uint64_t kChunkBytesMax = std::uint64_t{1} << 56;

bool IsText(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 127); }

}  // namespace

bool ChunkDecoder::StepSize(char c) {
  const int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
  if (digit >= 0) {
    if (remaining_bytes_ >= kChunkBytesMax / 16) return false;
    remaining_bytes_ = remaining_bytes_ * 16 + static_cast<std::uint64_t>(digit);
    state_ = State::kSize;
    return true;
  }
  if (state_ == State::kSizeStart) return false;
  if (c == '\r') {
    state_ = State::kSizeLf;
    return true;
  }
  state_ = State::kExtension;
  return c == ';' || c == ' ' || c == '\t';
}

bool ChunkDecoder::Step(char c) {
  switch (state_) {
    case State::kSizeStart:
    case State::kSize:
      return StepSize(c);
    case State::kExtension:
      if (c == '\r') state_ = State::kSizeLf;
      return c == '\r' || IsText(c);
    case State::kSizeLf:
      state_ = remaining_bytes_ > 0 ? State::kData : State::kTrailerStart;
      return c == '\n';
    case State::kDataCr:
      state_ = State::kDataLf;
      return c == '\r';
    case State::kDataLf:
      state_ = State::kSizeStart;
      return c == '\n';
    case State::kTrailerStart:
      state_ = c == '\r' ? State::kEndLf : State::kTrailer;
      return c == '\r' || IsText(c);
    case State::kTrailer:
      if (c == '\r') state_ = State::kTrailerLf;
      return c == '\r' || IsText(c);
    case State::kTrailerLf:
      state_ = State::kTrailerStart;
      return c == '\n';
    case State::kEndLf:
      state_ = State::kDone;
      return c == '\n';
    case State::kData:
    case State::kDone:
    case State::kBroken:
      break;
  }
  return false;
}

Result<std::string_view> ChunkDecoder::Next(std::string_view& in) {
  if (state_ == State::kBroken) return Status(Code::kInvalidArgument, "malformed chunked body");
  while (!in.empty() && state_ != State::kDone) {
    if (state_ == State::kData) {
      const std::string_view piece = in.substr(
          0, static_cast<std::size_t>(std::min<std::uint64_t>(remaining_bytes_, in.size())));
      in.remove_prefix(piece.size());
      remaining_bytes_ -= piece.size();
      content_bytes_ += piece.size();
      if (remaining_bytes_ == 0) state_ = State::kDataCr;
      return piece;
    }
    if (!Step(in.front())) {
      state_ = State::kBroken;
      return Status(Code::kInvalidArgument, "malformed chunked body");
    }
    in.remove_prefix(1);
    if (++framing_bytes_ > kFramingBytesMax + kFramingPerContent * content_bytes_) {
      state_ = State::kBroken;
      return Status(Code::kInvalidArgument, "chunked body with more framing than content");
    }
  }
  return std::string_view();
}

}  // namespace fustor::http
