#include <utility>

#include "base/crc32c.h"
#include "lib/checkpoint/checkpoint.h"
#include "lib/checkpoint/format.h"

namespace fustor::checkpoint {
namespace {

Status Damaged(const std::string& what, std::uint64_t offset) {
  return {Code::kDataLoss, what + " at byte " + std::to_string(offset)};
}

}  // namespace

Status FrameReader::TakeHead() {
  const std::string_view head = std::string_view(buffer_).substr(0, kHeadBytes);
  if (!head.starts_with(kMagic)) return {Code::kDataLoss, "this is no checkpoint"};
  if (Crc32c(head.substr(0, 12)) != GetU32(head.substr(12))) return Damaged("damaged", 0);
  const std::uint32_t version = GetU32(head.substr(8));
  if (version != kVersion) {
    return {Code::kUnimplemented, "written in version " + std::to_string(version) +
                                      " of the format; this program reads version " +
                                      std::to_string(kVersion)};
  }
  crc_ = GetU32(head.substr(12));
  used_ = kHeadBytes;
  begun_ = true;
  return {};
}

Result<std::optional<Frame>> FrameReader::Next() {
  if (used_ > kFrameBytes) {
    offset_ += used_;
    buffer_.erase(0, std::exchange(used_, 0));
  }
  if (!begun_) {
    if (buffer_.size() < kHeadBytes) return std::optional<Frame>();
    FUSTOR_TRY(TakeHead());
  }
  const std::string_view rest = std::string_view(buffer_).substr(used_);
  if (rest.empty()) return std::optional<Frame>();
  const std::uint64_t at = offset_ + used_;
  if (ended_) return Damaged("something follows the end", at);
  if (rest.size() < kFrameHeadBytes) return std::optional<Frame>();
  const std::uint32_t size = GetU32(rest);
  if (size > kFrameBytesMax) return Damaged("a damaged size", at);
  if (rest.size() - kFrameHeadBytes < size) return std::optional<Frame>();
  const std::uint32_t crc = Crc32c(rest.substr(8, 1 + size), crc_);
  if (crc != GetU32(rest.substr(4))) return Damaged("a wrong checksum", at);
  crc_ = crc;
  used_ += kFrameHeadBytes + size;
  Frame frame{rest[8], std::string(rest.substr(kFrameHeadBytes, size))};
  ended_ = frame.type == kFooterFrame;
  return std::optional<Frame>(std::move(frame));
}

Status FrameReader::End() const {
  if (ended_ && used_ == buffer_.size()) return {};
  return Damaged("it ends too early,", offset_ + buffer_.size());
}

}  // namespace fustor::checkpoint
