// Feeds arbitrary bytes to the decoders of content codings, and what the encoders make of them.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "adapters/http/codec.h"
#include "base/check.h"

namespace fustor::http {
namespace {

constexpr std::size_t kMost = 1 << 20;

struct Decoded {
  std::string text;
  bool ok = true;
  bool whole = false;
};

// At most kMost bytes and a piece; `portion` bytes at a time in and out.
Decoded Decode(Coding coding, std::string_view bytes, std::size_t portion) {
  const std::unique_ptr<Decoder> decoder = MakeDecoder(coding);
  Decoded result;
  for (;;) {
    std::string_view part = bytes.substr(0, portion);
    const std::size_t offered = part.size();
    const std::size_t before = result.text.size();
    result.ok = decoder->Decode(part, result.text, portion).ok();
    if (!result.ok) return result;
    const std::size_t came = result.text.size() - before;
    FUSTOR_CHECK(came <= portion);
    bytes.remove_prefix(offered - part.size());
    if (result.text.size() > kMost) return result;
    if (offered == part.size() && came == 0) break;
  }
  result.whole = decoder->AtEnd() && bytes.empty();
  return result;
}

void Check(Coding coding, std::string_view bytes) {
  const Decoded large = Decode(coding, bytes, 64 << 10);
  const Decoded small = Decode(coding, bytes, 61);
  if (large.text.size() <= kMost && small.text.size() <= kMost) {
    FUSTOR_CHECK(large.ok == small.ok && large.whole == small.whole);
    FUSTOR_CHECK(!large.ok || large.text == small.text);
  }

  static const std::unique_ptr<Encoder> encoders[] = {MakeEncoder(Coding::kGzip),
                                                      MakeEncoder(Coding::kZstd)};
  Encoder& encoder = *encoders[coding == Coding::kZstd ? 1 : 0];
  encoder.Reset();
  std::string coded;
  encoder.Encode(bytes.substr(0, bytes.size() / 2), Encoder::Flush::kPiece, coded);
  const Decoded half = Decode(coding, coded, 64 << 10);
  FUSTOR_CHECK(half.ok && half.text == bytes.substr(0, bytes.size() / 2));
  encoder.Encode(bytes.substr(bytes.size() / 2), Encoder::Flush::kEnd, coded);
  const Decoded whole = Decode(coding, coded, 64 << 10);
  FUSTOR_CHECK(whole.ok && whole.whole && whole.text == bytes);
}

}  // namespace
}  // namespace fustor::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // zstd frames begin with 0x28, those to be skipped with 0x5n.
  const bool zstd = size > 0 && (data[0] == 0x28 || data[0] >> 4 == 5);
  fustor::http::Check(zstd ? fustor::http::Coding::kZstd : fustor::http::Coding::kGzip, bytes);
  return 0;
}
