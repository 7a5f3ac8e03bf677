// Feeds arbitrary bytes to every grammar here that meets the network. Build with
// -fsanitize=fuzzer,address,undefined together with text.cc and chunked.cc.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "lib/http/chunked.h"
#include "lib/http/text.h"

namespace fustor::http {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// What one read gives must be what any portions give.
std::string Unchunk(std::string_view bytes, std::size_t portion, bool& ok) {
  ChunkDecoder decoder;
  std::string content;
  while (!bytes.empty() && !decoder.done()) {
    std::string_view part = bytes.substr(0, portion);
    bytes.remove_prefix(part.size());
    for (;;) {
      const auto piece = decoder.Next(part);
      ok = piece.ok();
      if (!ok) return content;
      if (piece->empty()) break;
      content += *piece;
    }
  }
  return content;
}

void Check(std::string_view bytes) {
  if (const auto target = ParseTarget(bytes); target.ok()) Require(target->path.starts_with('/'));
  if (const auto decoded = PercentDecode(bytes)) {
    Require(PercentDecode(PercentEncode(*decoded)) == *decoded);
  }
  if (const auto url = ParseUrl(bytes); url.ok()) {
    const auto again =
        ParseUrl((url->tls ? "https://" : "http://") + url->Authority() + url->target);
    Require(again.ok() && again->host == url->host && again->target == url->target);
  }
  (void)ChooseCoding(bytes);
  (void)ParseContentCoding(bytes);
  (void)Compressible(bytes);
  bool ok_whole = true;
  bool ok_split = true;
  const std::string whole = Unchunk(bytes, bytes.size() + 1, ok_whole);
  const std::string split = Unchunk(bytes, 1, ok_split);
  Require(ok_whole == ok_split && whole == split);
}

}  // namespace
}  // namespace fustor::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::http::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
