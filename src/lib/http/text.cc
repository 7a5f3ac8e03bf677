#include "lib/http/text.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace fustor::http {
namespace {

constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (Lower(c) >= 'a' && Lower(c) <= 'z');
}

bool StartsWithIgnoringCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && EqualsIgnoringCase(text.substr(0, prefix.size()), prefix);
}

bool EndsWithIgnoringCase(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         EqualsIgnoringCase(text.substr(text.size() - suffix.size()), suffix);
}

// Takes what is before the first `separator` off the front of `rest`; the rest is after it.
std::string_view TakeUntil(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view first = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return first;
}

// The media type without parameters.
std::string_view Essence(std::string_view content_type) {
  return Trim(content_type.substr(0, content_type.find(';')));
}

// "0", "0.0", "0.000": not acceptable.
bool WeightIsZero(std::string_view weight) {
  return !weight.empty() && weight[0] == '0' &&
         weight.find_first_not_of("0.") == std::string_view::npos;
}

// The host and port of an authority: "host", "host:1", "[::1]:1".
Status ParseAuthority(std::string_view authority, Url& url) {
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return Status(Code::kInvalidArgument, "'[' without ']'");
    url.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    if (!port.empty() && port[0] != ':') {
      return Status(Code::kInvalidArgument, "something other than a port follows ']'");
    }
  } else {
    const std::size_t colon = authority.find(':');
    url.host = authority.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon);
  }
  if (url.host.empty()) return Status(Code::kInvalidArgument, "the host is missing");
  for (const char c : url.host) {
    if (c <= ' ' || c == '@' || c == '[' || c == ']' || c == 127) {
      return Status(Code::kInvalidArgument, "the host contains a character that hosts cannot have");
    }
  }
  url.port = url.tls ? 443 : 80;
  if (port.size() <= 1) return Status();
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (error != std::errc() || end != port.data() + port.size() || url.port == 0) {
    return Status(Code::kInvalidArgument, "the port is not a number from 1 to 65535");
  }
  return Status();
}

}  // namespace

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && Lower(a[i]) != Lower(b[i])) return false;
  }
  return true;
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  if (text.find_first_of(plus_is_space ? "%+" : "%") == std::string_view::npos) {
    decoded = text;
    return decoded;
  }
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return decoded;
}

std::string PercentEncode(std::string_view bytes, bool keep_slash) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(bytes.size());
  for (const char c : bytes) {
    if (IsAlphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' ||
        (c == '/' && keep_slash)) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kDigits[static_cast<unsigned char>(c) >> 4];
      encoded += kDigits[static_cast<unsigned char>(c) & 15];
    }
  }
  return encoded;
}

Result<QueryItems> ParseQuery(std::string_view query) {
  QueryItems items;
  for (std::size_t number = 1; !query.empty(); ++number) {
    std::string_view value = TakeUntil(query, '&');
    if (value.empty()) continue;
    const std::string_view name = TakeUntil(value, '=');
    std::optional<std::string> decoded_name = PercentDecode(name, true);
    std::optional<std::string> decoded_value = PercentDecode(value, true);
    if (!decoded_name || !decoded_value) {
      return Status(Code::kInvalidArgument, "bad percent-encoding in parameter " +
                                                std::to_string(number) + " of the query");
    }
    items.emplace_back(*std::move(decoded_name), *std::move(decoded_value));
  }
  return items;
}

Result<Target> ParseTarget(std::string_view target) {
  if (!target.starts_with('/')) {
    const std::size_t scheme = StartsWithIgnoringCase(target, "http://")    ? 7
                               : StartsWithIgnoringCase(target, "https://") ? 8
                                                                            : 0;
    if (scheme == 0) return Status(Code::kInvalidArgument, "the request target is not a path");
    const std::size_t path = target.find_first_of("/?#", scheme);
    target = path == std::string_view::npos ? std::string_view("/") : target.substr(path);
  }
  target = target.substr(0, target.find('#'));
  std::string_view query = target;
  const std::string_view path = TakeUntil(query, '?');
  std::optional<std::string> decoded = PercentDecode(path.empty() ? "/" : path);
  if (!decoded) return Status(Code::kInvalidArgument, "bad percent-encoding in the path");
  FUSTOR_TRY_ASSIGN(QueryItems items, ParseQuery(query));
  return Target{*std::move(decoded), std::move(items)};
}

std::string Url::Authority() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Url::HostHeader() const {
  std::string authority = Authority();
  if (port == (tls ? 443 : 80)) authority.resize(authority.rfind(':'));
  return authority;
}

Result<Url> ParseUrl(std::string_view text) {
  Url url;
  if (StartsWithIgnoringCase(text, "https://")) {
    url.tls = true;
    text.remove_prefix(8);
  } else if (StartsWithIgnoringCase(text, "http://")) {
    text.remove_prefix(7);
  } else {
    return Status(Code::kInvalidArgument, "the URL does not begin with http:// or https://");
  }
  const std::size_t path = text.find_first_of("/?#");
  FUSTOR_TRY(ParseAuthority(text.substr(0, path), url));
  std::string_view target = path == std::string_view::npos ? std::string_view() : text.substr(path);
  target = target.substr(0, target.find('#'));
  for (const char c : target) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 127) {
      return Status(Code::kInvalidArgument, "the URL contains a space or control character");
    }
  }
  url.target = target.starts_with('/') ? "" : "/";
  url.target += target;
  return url;
}

bool MediaTypeIs(std::string_view content_type, std::string_view type) {
  return EqualsIgnoringCase(Essence(content_type), type);
}

bool Compressible(std::string_view content_type) {
  static constexpr std::string_view kTypes[] = {
      "application/json",     "application/javascript",       "application/xml",
      "application/x-ndjson", "application/openmetrics-text", "application/yaml",
      "application/wasm"};
  const std::string_view type = Essence(content_type);
  return StartsWithIgnoringCase(type, "text/") || EndsWithIgnoringCase(type, "+json") ||
         EndsWithIgnoringCase(type, "+xml") ||
         std::ranges::any_of(kTypes, [&](auto t) { return EqualsIgnoringCase(type, t); });
}

std::string_view CodingName(Coding coding) {
  switch (coding) {
    case Coding::kIdentity:
      return "identity";
    case Coding::kGzip:
      return "gzip";
    case Coding::kZstd:
      return "zstd";
  }
  return "identity";
}

Result<Coding> ParseContentCoding(std::string_view content_encoding) {
  const std::string_view name = Trim(content_encoding);
  if (name.empty() || EqualsIgnoringCase(name, "identity")) return Coding::kIdentity;
  if (EqualsIgnoringCase(name, "gzip") || EqualsIgnoringCase(name, "x-gzip")) return Coding::kGzip;
  if (EqualsIgnoringCase(name, "zstd")) return Coding::kZstd;
  return Status(Code::kUnimplemented, "Content-Encoding may be gzip, zstd or identity");
}

Coding ChooseCoding(std::string_view accept_encoding) {
  enum : int { kUnsaid, kRefused, kAccepted };
  int gzip = kUnsaid;
  int zstd = kUnsaid;
  int any = kUnsaid;
  while (!accept_encoding.empty()) {
    std::string_view item = TakeUntil(accept_encoding, ',');
    const std::string_view name = Trim(TakeUntil(item, ';'));
    item = Trim(item);
    const bool zero = StartsWithIgnoringCase(item, "q=") && WeightIsZero(Trim(item.substr(2)));
    const int verdict = zero ? kRefused : kAccepted;
    if (EqualsIgnoringCase(name, "gzip") || EqualsIgnoringCase(name, "x-gzip")) gzip = verdict;
    if (EqualsIgnoringCase(name, "zstd")) zstd = verdict;
    if (name == "*") any = verdict;
  }
  if (zstd == kAccepted || (zstd == kUnsaid && any == kAccepted)) return Coding::kZstd;
  if (gzip == kAccepted || (gzip == kUnsaid && any == kAccepted)) return Coding::kGzip;
  return Coding::kIdentity;
}

bool IsToken(std::string_view name) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return IsAlphanumeric(c) || kMarks.find(c) != std::string_view::npos;
  });
}

std::string_view ReasonPhrase(int status) {
  // https://www.iana.org/assignments/http-status-codes/
  static constexpr std::pair<int, std::string_view> kPhrases[] = {
      {100, "Continue"},
      {101, "Switching Protocols"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {422, "Unprocessable Content"},
      {426, "Upgrade Required"},
      {428, "Precondition Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
      {507, "Insufficient Storage"},
  };
  const auto* it =
      std::ranges::lower_bound(kPhrases, status, {}, &std::pair<int, std::string_view>::first);
  return it != std::end(kPhrases) && it->first == status ? it->second : std::string_view();
}

}  // namespace fustor::http
