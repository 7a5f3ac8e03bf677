#include "adapters/http/codec.h"

#include <zlib.h>
#include <zstd.h>

#include "base/check.h"

namespace fustor::http {
namespace {

constexpr int kGzipWindow = 15 + 16;  // 16 asks zlib for the gzip format.
constexpr int kGzipLevel = 2;         // Answers are made while the client waits.
constexpr int kZstdLevel = 1;
constexpr int kZstdEncodeWindowLog = 17;  // Bounds what one streaming answer holds.
constexpr int kZstdDecodeWindowLogMax = 23;

Bytef* Mutable(const char* data) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data));  // zlib only reads it.
}

class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() { FUSTOR_CHECK(inflateInit2(&stream_, kGzipWindow) == Z_OK, "out of memory"); }
  ~GzipDecoder() override { inflateEnd(&stream_); }
  GzipDecoder(const GzipDecoder&) = delete;

  Status Decode(std::string_view& in, std::string& out, std::size_t out_bytes_max) override {
    const std::size_t before = out.size();
    out.resize(before + out_bytes_max);
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream_.avail_out = static_cast<uInt>(out_bytes_max);
    stream_.next_in = Mutable(in.data());
    stream_.avail_in = static_cast<uInt>(in.size());
    int code = Z_OK;
    while (code == Z_OK && stream_.avail_out > 0) {
      if (at_end_) {  // Several members in a row are one stream (RFC 1952, section 2.2).
        if (stream_.avail_in == 0) break;
        inflateReset(&stream_);
        at_end_ = false;
      }
      const uInt in_before = stream_.avail_in;
      code = inflate(&stream_, Z_NO_FLUSH);
      started_ = started_ || stream_.avail_in < in_before;
      if (code == Z_STREAM_END) {
        at_end_ = true;
        code = Z_OK;
      }
    }
    in.remove_prefix(in.size() - stream_.avail_in);
    out.resize(out.size() - stream_.avail_out);
    if (code != Z_OK && code != Z_BUF_ERROR) {
      return Status(Code::kInvalidArgument, "malformed gzip body");
    }
    return Status();
  }
  bool AtEnd() const override { return at_end_ || !started_; }

 private:
  z_stream stream_{};
  bool at_end_ = false;
  bool started_ = false;
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    FUSTOR_CHECK(context_ != nullptr, "out of memory");
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdDecodeWindowLogMax);
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }
  ZstdDecoder(const ZstdDecoder&) = delete;

  Status Decode(std::string_view& in, std::string& out, std::size_t out_bytes_max) override {
    const std::size_t before = out.size();
    out.resize(before + out_bytes_max);
    ZSTD_outBuffer to{out.data() + before, out_bytes_max, 0};
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    Status status;
    for (;;) {
      const std::size_t progress = to.pos + from.pos;
      // A frame that has ended must not be asked for more: it would begin another one.
      if (at_end_ && from.pos == from.size) break;
      const std::size_t hint = ZSTD_decompressStream(context_, &to, &from);
      if (ZSTD_isError(hint) != 0) {
        status = Status(Code::kInvalidArgument,
                        std::string("malformed zstd body: ") + ZSTD_getErrorName(hint));
        break;
      }
      at_end_ = hint == 0;
      if (to.pos == to.size || to.pos + from.pos == progress) break;
    }
    in.remove_prefix(from.pos);
    out.resize(before + to.pos);
    return status;
  }
  bool AtEnd() const override { return at_end_; }

 private:
  ZSTD_DCtx* context_;
  bool at_end_ = true;
};

class GzipEncoder final : public Encoder {
 public:
  GzipEncoder() {
    FUSTOR_CHECK(
        deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK,
        "out of memory");
  }
  ~GzipEncoder() override { deflateEnd(&stream_); }
  GzipEncoder(const GzipEncoder&) = delete;

  void Encode(std::string_view in, Flush flush, std::string& out) override {
    stream_.next_in = Mutable(in.data());
    stream_.avail_in = static_cast<uInt>(in.size());
    do {
      const std::size_t before = out.size();
      const std::size_t room = std::max<std::size_t>(in.size() / 4, 4096);
      out.resize(before + room);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      stream_.avail_out = static_cast<uInt>(room);
      deflate(&stream_, flush == Flush::kEnd ? Z_FINISH : Z_SYNC_FLUSH);
      out.resize(out.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }
  void Reset() override { deflateReset(&stream_); }

 private:
  z_stream stream_{};
};

class ZstdEncoder final : public Encoder {
 public:
  ZstdEncoder() : context_(ZSTD_createCCtx()) {
    FUSTOR_CHECK(context_ != nullptr, "out of memory");
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kZstdLevel);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, kZstdEncodeWindowLog);
  }
  ~ZstdEncoder() override { ZSTD_freeCCtx(context_); }
  ZstdEncoder(const ZstdEncoder&) = delete;

  void Encode(std::string_view in, Flush flush, std::string& out) override {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    std::size_t left = 0;
    do {
      const std::size_t before = out.size();
      const std::size_t room = std::max<std::size_t>(in.size() / 4, 4096);
      out.resize(before + room);
      ZSTD_outBuffer to{out.data() + before, room, 0};
      left = ZSTD_compressStream2(context_, &to, &from,
                                  flush == Flush::kEnd ? ZSTD_e_end : ZSTD_e_flush);
      FUSTOR_CHECK(ZSTD_isError(left) == 0, ZSTD_getErrorName(left));
      out.resize(before + to.pos);
    } while (left != 0);
  }
  void Reset() override { ZSTD_CCtx_reset(context_, ZSTD_reset_session_only); }

 private:
  ZSTD_CCtx* context_;
};

}  // namespace

std::unique_ptr<Decoder> MakeDecoder(Coding coding) {
  FUSTOR_CHECK(coding != Coding::kIdentity);
  if (coding == Coding::kGzip) return std::make_unique<GzipDecoder>();
  return std::make_unique<ZstdDecoder>();
}

std::unique_ptr<Encoder> MakeEncoder(Coding coding) {
  FUSTOR_CHECK(coding != Coding::kIdentity);
  if (coding == Coding::kGzip) return std::make_unique<GzipEncoder>();
  return std::make_unique<ZstdEncoder>();
}

}  // namespace fustor::http
