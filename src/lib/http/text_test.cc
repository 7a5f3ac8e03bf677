#include "lib/http/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"

namespace fustor::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(PercentDecode, TakesEscapesOffAndRefusesBrokenOnes) {
  struct Case {
    std::string_view in;
    std::optional<std::string> path;
    std::optional<std::string> query;
  };
  const Case cases[] = {
      {"", "", ""},
      {"abc", "abc", "abc"},
      {"a%20b", "a b", "a b"},
      {"a+b", "a+b", "a b"},
      {"%2B", "+", "+"},
      {"%2f%2F", "//", "//"},
      {"%00x", std::string("\0x", 2), std::string("\0x", 2)},
      {"%FF%fe", "\xFF\xFE", "\xFF\xFE"},
      {"%", std::nullopt, std::nullopt},
      {"%4", std::nullopt, std::nullopt},
      {"a%4", std::nullopt, std::nullopt},
      {"%4g", std::nullopt, std::nullopt},
      {"%g4", std::nullopt, std::nullopt},
      {"%%41", std::nullopt, std::nullopt},
      {"%2541", "%41", "%41"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(PercentDecode(c.in), c.path) << c.in;
    EXPECT_EQ(PercentDecode(c.in, true), c.query) << c.in;
  }
}

TEST(PercentEncode, ComesBackByDecodingForAnyBytes) {
  const std::uint64_t seed = 20260101;
  Prng prng(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(prng.Below(40), '\0');
    for (char& c : bytes) c = static_cast<char>(prng.Below(256));
    const bool keep_slash = prng.Chance(1, 2);
    const std::string encoded = PercentEncode(bytes, keep_slash);
    EXPECT_EQ(PercentDecode(encoded), bytes) << "seed " << seed << " round " << round;
    EXPECT_EQ(PercentDecode(encoded, true), bytes) << "seed " << seed << " round " << round;
    EXPECT_EQ(encoded.find_first_of(" +&=?#\"<>"), std::string::npos);
    EXPECT_EQ(encoded.find('/') != std::string::npos,
              keep_slash && bytes.find('/') != std::string::npos);
  }
}

TEST(ParseQuery, KeepsOrderRepetitionAndEmptyValues) {
  const auto items = ParseQuery("b=1&a=2&b=&c&&=x&d=%3D%26=y+z");
  ASSERT_TRUE(items.ok());
  EXPECT_THAT(*items, ElementsAre(Pair("b", "1"), Pair("a", "2"), Pair("b", ""), Pair("c", ""),
                                  Pair("", "x"), Pair("d", "=&=y z")));
  EXPECT_THAT(*ParseQuery(""), IsEmpty());
  EXPECT_THAT(*ParseQuery("&&&"), IsEmpty());
}

TEST(ParseQuery, SaysWhichParameterIsMalformed) {
  const auto items = ParseQuery("a=1&b=%zz");
  ASSERT_FALSE(items.ok());
  EXPECT_EQ(items.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(items.status().message(), HasSubstr("parameter 2"));
}

TEST(ParseTarget, TakesOriginAndAbsoluteForm) {
  struct Case {
    std::string_view in;
    std::string_view path;
    std::size_t query_items;
  };
  const Case cases[] = {
      {"/", "/", 0},
      {"/a%20b/c?x=1&y=2", "/a b/c", 2},
      {"/a?", "/a", 0},
      {"/a?b?c=d", "/a", 1},
      {"/a#b?c=d", "/a", 0},
      {"http://host:1/a?x=1", "/a", 1},
      {"HTTP://host", "/", 0},
      {"https://host?x=1", "/", 1},
      {"https://host#f", "/", 0},
      {"//host/a", "//host/a", 0},
  };
  for (const Case& c : cases) {
    const auto target = ParseTarget(c.in);
    ASSERT_TRUE(target.ok()) << c.in;
    EXPECT_EQ(target->path, c.path) << c.in;
    EXPECT_EQ(target->query.size(), c.query_items) << c.in;
  }
  for (const std::string_view bad : {"", "*", "a", "host:80", "ftp://h/", "/%", "/a?b=%1", "?a"}) {
    EXPECT_EQ(ParseTarget(bad).status().code(), Code::kInvalidArgument) << bad;
  }
}

TEST(ParseTarget, NeverFailsOtherwiseThanByAnAnswer) {
  const std::uint64_t seed = 7;
  Prng prng(seed);
  static constexpr std::string_view kAlphabet = "/%?&=+#aF0:h \x80\xFF";
  for (int round = 0; round < 20'000; ++round) {
    std::string in(prng.Below(24), '\0');
    for (char& c : in) c = kAlphabet[prng.Below(kAlphabet.size())];
    const auto target = ParseTarget(in);
    if (target.ok()) {
      EXPECT_TRUE(target->path.starts_with('/')) << in;
      EXPECT_LE(target->path.size(), in.size());
    }
  }
}

TEST(ParseUrl, KnowsHostPortAndTarget) {
  struct Case {
    std::string_view in;
    bool tls;
    std::string_view host;
    int port;
    std::string_view target;
    std::string_view host_header;
  };
  const Case cases[] = {
      {"http://localhost", false, "localhost", 80, "/", "localhost"},
      {"http://localhost:8101/a?b#c", false, "localhost", 8101, "/a?b", "localhost:8101"},
      {"HTTPS://h:443/", true, "h", 443, "/", "h"},
      {"https://h:80/", true, "h", 80, "/", "h:80"},
      {"http://[::1]:9/x", false, "::1", 9, "/x", "[::1]:9"},
      {"http://[::1]", false, "::1", 80, "/", "[::1]"},
      {"http://h:?q", false, "h", 80, "/?q", "h"},
  };
  for (const Case& c : cases) {
    const auto url = ParseUrl(c.in);
    ASSERT_TRUE(url.ok()) << c.in << url.status().ToString();
    EXPECT_EQ(url->tls, c.tls);
    EXPECT_EQ(url->host, c.host);
    EXPECT_EQ(url->port, c.port);
    EXPECT_EQ(url->target, c.target);
    EXPECT_EQ(url->HostHeader(), c.host_header);
  }
  for (const std::string_view bad :
       {"", "h:80", "ftp://h", "http://", "http://:80", "http://h:0", "http://h:65536",
        "http://h:8a", "http://[::1", "http://[[h]", "http://h]", "http://[::1]x", "http://u@h/",
        "http://h/a b", "http://h/\r\nX: y"}) {
    EXPECT_EQ(ParseUrl(bad).status().code(), Code::kInvalidArgument) << bad;
  }
}

TEST(MediaTypes, CompareWithoutParametersAndCase) {
  EXPECT_TRUE(MediaTypeIs("application/json", "application/json"));
  EXPECT_TRUE(MediaTypeIs(" Application/JSON ; charset=utf-8", "application/json"));
  EXPECT_FALSE(MediaTypeIs("application/json-seq", "application/json"));
  EXPECT_FALSE(MediaTypeIs("", "application/json"));
  for (const auto type :
       {"text/html; charset=utf-8", "application/json", "application/problem+json", "image/svg+xml",
        "application/x-ndjson", "TEXT/CSV"}) {
    EXPECT_TRUE(Compressible(type)) << type;
  }
  for (const auto type : {"", "image/png", "application/octet-stream", "application/zip", "text"}) {
    EXPECT_FALSE(Compressible(type)) << type;
  }
}

TEST(Codings, ChosenByWhatTheClientAccepts) {
  struct Case {
    std::string_view accept;
    Coding coding;
  };
  const Case cases[] = {
      {"", Coding::kIdentity},
      {"gzip", Coding::kGzip},
      {"gzip, deflate, br, zstd", Coding::kZstd},
      {"GZIP;q=1.0", Coding::kGzip},
      {"zstd;q=0, gzip", Coding::kGzip},
      {"zstd; q=0.000 ,gzip ; q=0", Coding::kIdentity},
      {"zstd;q=0.001", Coding::kZstd},
      {"*", Coding::kZstd},
      {"*;q=0", Coding::kIdentity},
      {"zstd;q=0, *", Coding::kGzip},
      {"identity", Coding::kIdentity},
      {"br", Coding::kIdentity},
      {",,;,gzip", Coding::kGzip},
      {"zstdx, xgzip", Coding::kIdentity},
  };
  for (const Case& c : cases) EXPECT_EQ(ChooseCoding(c.accept), c.coding) << c.accept;
}

TEST(Codings, OfABodyAreOneOrRefused) {
  EXPECT_EQ(*ParseContentCoding(""), Coding::kIdentity);
  EXPECT_EQ(*ParseContentCoding(" GZIP "), Coding::kGzip);
  EXPECT_EQ(*ParseContentCoding("x-gzip"), Coding::kGzip);
  EXPECT_EQ(*ParseContentCoding("zstd"), Coding::kZstd);
  for (const std::string_view bad : {"br", "gzip, zstd", "deflate", "gzip;q=1"}) {
    EXPECT_EQ(ParseContentCoding(bad).status().code(), Code::kUnimplemented) << bad;
  }
}

TEST(ReasonPhrase, KnowsRegisteredStatusesOnly) {
  EXPECT_EQ(ReasonPhrase(200), "OK");
  EXPECT_EQ(ReasonPhrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(ReasonPhrase(507), "Insufficient Storage");
  EXPECT_EQ(ReasonPhrase(419), "");
  EXPECT_EQ(ReasonPhrase(99), "");
  EXPECT_EQ(ReasonPhrase(999), "");
}

TEST(Tokens, AreHeaderNames) {
  EXPECT_TRUE(IsToken("X-API-Key"));
  EXPECT_TRUE(IsToken("!#$%&'*+-.^_`|~09azAZ"));
  for (const std::string_view bad : {"", "a b", "a:", "a\r", "\x80", "(x)"}) {
    EXPECT_FALSE(IsToken(bad)) << bad;
  }
}

}  // namespace
}  // namespace fustor::http
