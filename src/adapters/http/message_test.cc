#include "adapters/http/message.h"

#include <gtest/gtest.h>

namespace fustor::http {
namespace {

TEST(HeadSize, FindsTheEmptyLineInAnyPortions) {
  const std::string head = "GET / HTTP/1.1\r\nA: b\r\n\r\n";
  const std::string all = head + "rest";
  std::size_t scanned = 0;
  for (std::size_t size = 0; size < head.size(); ++size) {
    EXPECT_EQ(HeadSize(std::string_view(all).substr(0, size), scanned), 0u);
  }
  EXPECT_EQ(HeadSize(all, scanned), head.size());
}

TEST(ParseRequestHead, TakesRequestsApart) {
  const std::string text =
      "POST /a?b=c HTTP/1.1\r\nHost: h\r\nX-Key:  v 1 \r\nContent-Length: 12\r\n"
      "Expect: 100-Continue\r\nConnection: close\r\n\r\n";
  const auto head = ParseRequestHead(text);
  ASSERT_TRUE(head.ok()) << head.status().ToString();
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->target, "/a?b=c");
  EXPECT_EQ(head->headers.Find("x-key"), "v 1");
  EXPECT_EQ(head->framing.content_bytes, 12u);
  EXPECT_FALSE(head->framing.chunked);
  EXPECT_TRUE(head->expects_continue);
  EXPECT_FALSE(head->keep_alive);
  EXPECT_FALSE(head->http10);
}

TEST(ParseRequestHead, KnowsWhoKeepsConnections) {
  struct Case {
    std::string_view text;
    bool keep_alive;
    bool chunked;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true, false},
      {"GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", false, false},
      {"GET / HTTP/1.0\r\n\r\n", false, false},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, false},
      {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n", true, true},
      {"get /%00 HTTP/1.1\r\nhost:\r\n\r\n", true, false},
  };
  for (const Case& c : cases) {
    const auto head = ParseRequestHead(c.text);
    ASSERT_TRUE(head.ok()) << c.text << head.status().ToString();
    EXPECT_EQ(head->keep_alive, c.keep_alive) << c.text;
    EXPECT_EQ(head->framing.chunked, c.chunked) << c.text;
  }
}

TEST(ParseRequestHead, RefusesWhatCouldBeReadInTwoWays) {
  struct Case {
    std::string_view text;
    Code code;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", Code::kInvalidArgument},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Code::kInvalidArgument},
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", Code::kInvalidArgument},
      {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", Code::kInvalidArgument},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", Code::kInvalidArgument},
      {"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", Code::kInvalidArgument},
      {"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", Code::kInvalidArgument},
      {"\x16\x03\x01\x02 / x\r\n\r\n", Code::kInvalidArgument},
      {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
       Code::kInvalidArgument},
      {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", Code::kInvalidArgument},
      {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
       Code::kInvalidArgument},
      {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
       Code::kInvalidArgument},
      {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
       Code::kInvalidArgument},
      {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
       "chunked\r\n\r\n",
       Code::kInvalidArgument},
      {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
       Code::kUnimplemented},
      {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", Code::kUnimplemented},
      {"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Code::kInvalidArgument},
      {"PUT / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", Code::kFailedPrecondition},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(ParseRequestHead(c.text).status().code(), c.code) << c.text;
  }
}

TEST(ParseResponseHead, FindsTheFraming) {
  const auto until_close = ParseResponseHead("HTTP/1.1 200 OK\r\n\r\n", false);
  ASSERT_TRUE(until_close.ok());
  EXPECT_TRUE(until_close->framing.until_close);
  EXPECT_FALSE(until_close->keep_alive);
  const auto sized = ParseResponseHead("HTTP/1.1 404 \r\nContent-Length: 3\r\n\r\n", false);
  ASSERT_TRUE(sized.ok());
  EXPECT_EQ(sized->status, 404);
  EXPECT_EQ(sized->framing.content_bytes, 3u);
  EXPECT_TRUE(sized->keep_alive);
  const auto to_head = ParseResponseHead("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true);
  ASSERT_TRUE(to_head.ok());
  EXPECT_TRUE(to_head->framing.empty());
  EXPECT_FALSE(ParseResponseHead("SSH-2.0-OpenSSH\r\n\r\n", false).ok());
  EXPECT_FALSE(ParseResponseHead("HTTP/1.1 060 OK\r\n\r\n", false).ok());
}

}  // namespace
}  // namespace fustor::http
