#include "adapters/zstd/zstd.h"

#include <zstd.h>

#include <utility>

#include "base/check.h"

namespace fustor::zstd {
namespace {

Status Broken(const char* why) {
  return Status(Code::kInvalidArgument, std::string("zstd frame: ") + why);
}

class Zstd final : public batch::Compressor {
 public:
  explicit Zstd(int level)
      : level_(level), compress_(ZSTD_createCCtx()), decompress_(ZSTD_createDCtx()) {
    FUSTOR_CHECK(compress_ != nullptr && decompress_ != nullptr, "out of memory");
  }

  std::string Compress(std::string_view plain) override {
    std::string frame;
    const std::size_t bound = ZSTD_compressBound(plain.size());
    frame.resize_and_overwrite(bound, [&](char* to, std::size_t) {
      const std::size_t n =
          ZSTD_compressCCtx(compress_.get(), to, bound, plain.data(), plain.size(), level_);
      FUSTOR_CHECK(ZSTD_isError(n) == 0, ZSTD_getErrorName(n));
      return n;
    });
    return frame;
  }

  Result<std::string> Decompress(std::string_view frame, std::size_t limit_bytes) override {
    const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
    if (size == ZSTD_CONTENTSIZE_ERROR) return Broken("not one");
    if (size == ZSTD_CONTENTSIZE_UNKNOWN) return Broken("does not say its content size");
    if (size > limit_bytes) {
      return Status(Code::kResourceExhausted,
                    "zstd frame: its content is over " + std::to_string(limit_bytes) + " bytes");
    }
    std::string plain;
    std::size_t n = 0;
    // Memory that a lying header asks for is reserved, but never touched.
    plain.resize_and_overwrite(size, [&](char* to, std::size_t room) {
      n = ZSTD_decompressDCtx(decompress_.get(), to, room, frame.data(), frame.size());
      return ZSTD_isError(n) != 0 ? 0 : n;
    });
    if (ZSTD_isError(n) != 0) return Broken(ZSTD_getErrorName(n));
    if (n != size) return Broken("shorter than it says");
    return plain;
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  const int level_;
  const std::unique_ptr<ZSTD_CCtx, Free> compress_;
  const std::unique_ptr<ZSTD_DCtx, Free> decompress_;
};

}  // namespace

std::unique_ptr<batch::Compressor> MakeCompressor(int level) {
  return std::make_unique<Zstd>(level);
}

}  // namespace fustor::zstd
