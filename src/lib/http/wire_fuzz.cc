// Feeds arbitrary bytes to every grammar here that meets the network.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "lib/http/chunked.h"
#include "lib/http/text.h"

namespace fustor::http {
namespace {

struct Unchunked {
  std::string content;
  bool ok = true;
  bool done = false;
  std::size_t used = 0;
  friend bool operator==(const Unchunked&, const Unchunked&) = default;
};

// What one read gives must be what any portions give.
Unchunked Unchunk(std::string_view bytes, std::size_t portion) {
  ChunkDecoder decoder;
  Unchunked result;
  const std::size_t all = bytes.size();
  while (!bytes.empty() && !decoder.done()) {
    std::string_view part = bytes.substr(0, portion);
    const std::size_t offered = part.size();
    for (;;) {
      const auto piece = decoder.Next(part);
      result.ok = piece.ok();
      if (!result.ok) return result;
      if (piece->empty()) break;
      result.content += *piece;
    }
    bytes.remove_prefix(offered - part.size());
  }
  result.done = decoder.done();
  result.used = all - bytes.size();
  return result;
}

// As chunks of at most `portion` bytes.
std::string Chunked(std::string_view content, std::size_t portion) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  while (!content.empty()) {
    const std::string_view piece = content.substr(0, portion);
    content.remove_prefix(piece.size());
    std::string size;
    for (std::size_t n = piece.size(); n > 0; n /= 16) size.insert(0, 1, kHex[n % 16]);
    out += size + "\r\n" + std::string(piece) + "\r\n";
  }
  return out + "0\r\n\r\n";
}

std::string Print(const QueryItems& items) {
  std::string out;
  for (const auto& [name, value] : items) {
    if (!out.empty()) out += '&';
    out += PercentEncode(name) + "=" + PercentEncode(value);
  }
  return out;
}

void CheckTargets(std::string_view bytes) {
  if (const auto query = ParseQuery(bytes); query.ok()) {
    const auto again = ParseQuery(Print(*query));
    FUSTOR_CHECK(again.ok() && *again == *query);
  }
  if (const auto target = ParseTarget(bytes); target.ok()) {
    FUSTOR_CHECK(target->path.starts_with('/'));
    const std::string printed = PercentEncode(target->path, true) +
                                (target->query.empty() ? "" : "?") + Print(target->query);
    const auto again = ParseTarget(printed);
    FUSTOR_CHECK(again.ok() && again->path == target->path && again->query == target->query);
  }
  if (const auto url = ParseUrl(bytes); url.ok()) {
    const auto again =
        ParseUrl((url->tls ? "https://" : "http://") + url->Authority() + url->target);
    FUSTOR_CHECK(again.ok() && again->host == url->host && again->port == url->port &&
                 again->target == url->target);
    for (const char c : url->HostHeader() + url->target) {
      FUSTOR_CHECK(c != '\r' && c != '\n' && c != '\0', "it would end the line of a request");
    }
  }
}

void Check(std::string_view bytes) {
  CheckTargets(bytes);
  for (const bool plus : {false, true}) {
    if (const auto decoded = PercentDecode(bytes, plus)) {
      FUSTOR_CHECK(PercentDecode(PercentEncode(*decoded), plus) == *decoded);
    }
  }
  FUSTOR_CHECK(PercentDecode(PercentEncode(bytes)) == bytes);
  FUSTOR_CHECK(Trim(Trim(bytes)) == Trim(bytes));
  FUSTOR_CHECK(EqualsIgnoringCase(bytes, bytes));
  (void)ChooseCoding(bytes);
  if (const auto coding = ParseContentCoding(bytes); coding.ok()) {
    FUSTOR_CHECK(*ParseContentCoding(CodingName(*coding)) == *coding);
  }
  (void)Compressible(bytes);
  (void)MediaTypeIs(bytes, "application/json");
  FUSTOR_CHECK(Unchunk(bytes, bytes.size() + 1) == Unchunk(bytes, 1));
  const Unchunked content = Unchunk(Chunked(bytes, 7), 5);
  FUSTOR_CHECK(content.ok && content.done && content.content == bytes);
}

}  // namespace
}  // namespace fustor::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::http::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
