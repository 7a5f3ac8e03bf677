// text.h: the small grammars of HTTP: percent-encoding, queries, tokens, media types, codings.
//
// Pure and total: any bytes are allowed in, every function is O(length). Thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace fustor::http {

// ASCII letters compare without regard to case, all other bytes as they are.
bool EqualsIgnoringCase(std::string_view a, std::string_view b);

// Without spaces and tabs at both ends.
std::string_view Trim(std::string_view text);

// "%41b" -> "Ab". nullopt when a '%' is not followed by two hexadecimal digits. With
// `plus_is_space` also "a+b" -> "a b", as in queries.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space = false);

// Leaves letters, digits and "-._~" as they are, and '/' when `keep_slash`.
std::string PercentEncode(std::string_view bytes, bool keep_slash = false);

using QueryItems = std::vector<std::pair<std::string, std::string>>;

// "a=1&b&c=%20" -> {a: 1}, {b: ""}, {c: " "}; empty items are skipped; order and repetition kept.
// Errors: kInvalidArgument (bad percent-encoding; says which item by number).
Result<QueryItems> ParseQuery(std::string_view query);

struct Target {
  std::string path;  // Decoded bytes, begins with '/'.
  QueryItems query;
};
// The target of a request line: "/a%20b?x=1", or absolute "http://host/a?x=1", whose scheme and
// host are left out. A fragment is left out too.
// Errors: kInvalidArgument (neither form, or bad percent-encoding).
Result<Target> ParseTarget(std::string_view target);

struct Url {
  bool tls = false;
  std::string host;  // Without the brackets of an IPv6 address.
  std::uint16_t port = 0;
  std::string target;  // As it goes into a request line: "/" at least, query included.

  // "host:port" or "[v6]:port", for messages.
  std::string Authority() const;
  // What belongs into the Host header: without the port when it is the scheme's own.
  std::string HostHeader() const;
};
// "http://127.0.0.1:8101/api?x=1", "https://host". No user names.
// Errors: kInvalidArgument (says what is wrong).
Result<Url> ParseUrl(std::string_view text);

// True for "Application/JSON; charset=utf-8" and "application/json". `type` is lower-case.
bool MediaTypeIs(std::string_view content_type, std::string_view type);

// Whether bodies of this Content-Type become smaller by compression: text, JSON, XML and the like.
bool Compressible(std::string_view content_type);

enum class Coding { kIdentity, kGzip, kZstd };

// "gzip", "zstd", "identity".
std::string_view CodingName(Coding coding);

// What a Content-Encoding header says; empty is identity; x-gzip is gzip.
// Errors: kUnimplemented (another coding, or several).
Result<Coding> ParseContentCoding(std::string_view content_encoding);

// The coding to answer with for a request's Accept-Encoding: zstd if accepted, else gzip, else
// identity. Weights count only as zero or not zero.
Coding ChooseCoding(std::string_view accept_encoding);

// Whether `name` may be the name of a header.
bool IsToken(std::string_view name);

// "Too Many Requests". Empty for a status without a registered phrase.
std::string_view ReasonPhrase(int status);

}  // namespace fustor::http
