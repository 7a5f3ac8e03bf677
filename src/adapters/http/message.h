// message.h: the heads of HTTP/1 messages: finding their end, and taking them apart.
//
// Pure. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lib/http/http.h"

namespace fustor::http {

// Size of the head at the front of `data`, with its empty line; 0 while it is not complete.
// `scanned_bytes` remembers between calls with growing data where to go on; begin with 0.
std::size_t HeadSize(std::string_view data, std::size_t& scanned_bytes);

// How the end of the body is found.
struct Framing {
  bool chunked = false;
  bool until_close = false;  // Answers only.
  std::uint64_t content_bytes = 0;

  bool empty() const { return !chunked && !until_close && content_bytes == 0; }
};

struct RequestHead {
  std::string method;
  std::string_view target;  // A view into what was parsed.
  Headers headers;
  Framing framing;
  bool http10 = false;
  bool keep_alive = false;  // What the client asks for.
  bool expects_continue = false;
};
// REQUIRES: `head` is what HeadSize measured. Errors: kInvalidArgument (malformed, or not safe to
// read in one way only), kUnimplemented (a transfer coding other than chunked), kFailedPrecondition
// (an expectation other than 100-continue).
Result<RequestHead> ParseRequestHead(std::string_view head);

struct ResponseHead {
  int status = 0;
  Headers headers;
  Framing framing;
  bool keep_alive = false;
};
// `to_head_request`: the answer has no body whatever it says. Errors: kInvalidArgument.
Result<ResponseHead> ParseResponseHead(std::string_view head, bool to_head_request);

}  // namespace fustor::http
