// Feeds arbitrary bytes to what reads the heads of requests and answers.
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/http/message.h"
#include "base/check.h"
#include "lib/http/text.h"

namespace fustor::http {
namespace {

// Whatever portions it comes in.
std::size_t SizeInPortions(std::string_view bytes, std::size_t portion) {
  std::size_t scanned = 0;
  for (std::size_t end = 0; end < bytes.size();) {
    end = std::min(end + portion, bytes.size());
    if (const std::size_t size = HeadSize(bytes.substr(0, end), scanned)) return size;
  }
  return 0;
}

void CheckHeaders(const Headers& headers) {
  for (const auto& [name, value] : headers.items()) {
    FUSTOR_CHECK(IsToken(name));
    FUSTOR_CHECK(Trim(value) == value);
    FUSTOR_CHECK(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  }
}

bool Same(const Framing& a, const Framing& b) {
  return a.chunked == b.chunked && a.until_close == b.until_close &&
         a.content_bytes == b.content_bytes;
}

std::string Lines(const Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers.items()) out += name + ": " + value + "\r\n";
  return out + "\r\n";
}

void CheckRequest(std::string_view head) {
  const Result<RequestHead> request = ParseRequestHead(head);
  if (!request.ok()) return;
  CheckHeaders(request->headers);
  FUSTOR_CHECK(IsToken(request->method) && !request->target.empty());
  FUSTOR_CHECK(request->target.find_first_of(std::string_view(" \t\r\n\0", 5)) ==
               std::string_view::npos);
  FUSTOR_CHECK(!request->framing.until_close);
  FUSTOR_CHECK(!request->framing.chunked || request->framing.content_bytes == 0);
  // Read in one way only: also by whoever reads it in its plainest form.
  const std::string printed = request->method + " " + std::string(request->target) +
                              (request->http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n") +
                              Lines(request->headers);
  std::size_t scanned = 0;
  FUSTOR_CHECK(HeadSize(printed, scanned) == printed.size());
  const Result<RequestHead> again = ParseRequestHead(printed);
  FUSTOR_CHECK(again.ok() && again->method == request->method && again->target == request->target &&
               again->headers.items() == request->headers.items() &&
               Same(again->framing, request->framing) && again->keep_alive == request->keep_alive &&
               again->expects_continue == request->expects_continue);
  (void)ParseTarget(request->target);
}

void CheckResponse(std::string_view head) {
  for (const bool to_head : {false, true}) {
    const Result<ResponseHead> response = ParseResponseHead(head, to_head);
    if (!response.ok()) continue;
    CheckHeaders(response->headers);
    FUSTOR_CHECK(response->status >= 100 && response->status <= 999);
    FUSTOR_CHECK(!to_head || response->framing.empty());
    FUSTOR_CHECK(!response->framing.until_close || !response->keep_alive);
  }
}

void Check(std::string_view bytes) {
  const std::size_t size = SizeInPortions(bytes, bytes.size() + 1);
  FUSTOR_CHECK(size == SizeInPortions(bytes, 1) && size == SizeInPortions(bytes, 3));
  if (size == 0) return;
  CheckRequest(bytes.substr(0, size));
  CheckResponse(bytes.substr(0, size));
}

}  // namespace
}  // namespace fustor::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::http::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
