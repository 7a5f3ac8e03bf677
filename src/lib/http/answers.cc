#include "lib/http/answers.h"

#include <utility>

#include "base/check.h"

namespace fustor::http {
namespace {

// Length of the valid UTF-8 sequence at the front of `text`, 0 when there is none (Unicode 15,
// table 3-7). REQUIRES: not empty.
std::size_t Utf8Length(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = first == 0xED && byte(1) > 0x9F;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90;
    const bool too_large = first == 0xF4 && byte(1) > 0x8F;
    return tail(1) && tail(2) && tail(3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

void AppendEscaped(std::string& out, char c) {
  static constexpr char kDigits[] = "0123456789abcdef";
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (c == '\n') {
    out += "\\n";
  } else if (static_cast<unsigned char>(c) < ' ') {
    out += "\\u00";
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  } else {
    out += c;
  }
}

}  // namespace

int HttpStatus(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
      return 400;
    case Code::kUnauthenticated:
      return 401;
    case Code::kPermissionDenied:
      return 403;
    case Code::kNotFound:
      return 404;
    case Code::kAlreadyExists:
    case Code::kAborted:
    case Code::kFailedPrecondition:
      return 409;
    case Code::kResourceExhausted:
      return 429;
    case Code::kCancelled:
      return 499;
    case Code::kUnimplemented:
      return 501;
    case Code::kUnavailable:
      return 503;
    case Code::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

int HttpStatusOfBodyFailure(Code code) {
  switch (code) {
    case Code::kResourceExhausted:
      return 413;
    case Code::kDeadlineExceeded:
      return 408;
    case Code::kUnimplemented:
      return 415;
    default:
      return 400;
  }
}

std::string DetailJson(std::string_view text) {
  std::string json = "{\"detail\": \"";
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    if (length == 0) {
      json += "\xEF\xBF\xBD";
    } else if (length == 1) {
      AppendEscaped(json, text[0]);
    } else {
      json += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  json += "\"}";
  return json;
}

Headers JsonHeaders() {
  Headers headers;
  headers.Add("Content-Type", "application/json");
  return headers;
}

env::Task<Status> SendJson(ResponseWriter& writer, int status, std::string json) {
  co_return co_await writer.Send(status, JsonHeaders(), std::move(json));
}

env::Task<Status> SendDetail(ResponseWriter& writer, int status, std::string detail) {
  co_return co_await writer.Send(status, JsonHeaders(), DetailJson(detail));
}

env::Task<Status> SendFailure(ResponseWriter& writer, Status failure) {
  FUSTOR_CHECK(!failure.ok());
  co_return co_await SendDetail(writer, HttpStatus(failure.code()), failure.message());
}

}  // namespace fustor::http
