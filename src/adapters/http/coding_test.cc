#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/http/test_site.h"
#include "adapters/http/test_support.h"

namespace fustor::http {
namespace {

using ::testing::HasSubstr;

std::string Get(std::string_view target, std::string_view accept) {
  return "GET " + std::string(target) +
         " HTTP/1.1\r\nHost: h\r\nAccept-Encoding: " + std::string(accept) + "\r\n\r\n";
}

TEST(Coding, AnswersAreCodedAsTheClientAccepts) {
  TestSite site;
  RawClient client(site.port());
  struct Case {
    std::string_view accept;
    std::string_view target;
    std::string_view coding;
    bool varies;
  };
  const Case cases[] = {
      {"gzip, deflate, br, zstd", "/text?size=5000", "zstd", true},
      {"gzip", "/text?size=5000", "gzip", true},
      {"br", "/text?size=5000", "", true},
      {"gzip", "/text?size=1000", "", false},
      {"gzip", "/text?size=44000&shared=200", "gzip", true},
      {"br", "/text?size=44000&shared=200", "", true},
      {"zstd", "/text?size=2000000&shared=200", "zstd", true},
      {"gzip", "/hello", "", false},
      {"zstd", "/text?size=2000000", "zstd", true},
      {"gzip", "/text?size=2000000", "gzip", true},
      {"gzip", "/stream?pieces=40&size=70", "gzip", true},
      {"zstd", "/stream?pieces=40&size=70000", "zstd", true},
  };
  for (const Case& c : cases) {
    client.Send(Get(c.target, ""));
    const auto plain = client.ReceiveAnswer();
    client.Send(Get(c.target, c.accept));
    const auto coded = client.ReceiveAnswer();
    EXPECT_EQ(coded.status, 200);
    EXPECT_EQ(coded.Header("Content-Encoding"), c.coding) << c.target;
    EXPECT_EQ(coded.Header("Vary"), c.varies ? "Accept-Encoding" : "") << c.target;
    EXPECT_EQ(plain.Header("Vary"), coded.Header("Vary"));
    if (c.coding.empty()) {
      EXPECT_EQ(coded.body, plain.body);
    } else {
      EXPECT_LT(coded.body.size(), plain.body.size());
      EXPECT_EQ(Decoded(c.coding == "gzip" ? Coding::kGzip : Coding::kZstd, coded.body), plain.body)
          << c.target;
    }
  }
}

TEST(Coding, OtherTypesAreLeftAlone) {
  TestSite site;
  RawClient client(site.port());
  const std::string body(5000, 'x');
  client.Send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nContent-Length: 5000\r\n\r\n" +
      body);
  const auto answer = client.ReceiveAnswer();
  EXPECT_EQ(answer.Header("Content-Encoding"), "");
  EXPECT_EQ(answer.body, body);
}

TEST(Coding, PiecesOfAStreamArriveAtOnce) {
  TestSite site;
  RawClient client(site.port());
  client.Send(
      "POST /pieces HTTP/1.1\r\nHost: h\r\nAccept-Encoding: zstd\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_THAT(client.Receive(), HasSubstr("Content-Encoding: zstd"));
  client.Send("0\r\n\r\n");
}

TEST(Coding, RequestBodiesAreDecoded) {
  TestSite site;
  RawClient client(site.port());
  std::string body;
  for (int i = 0; body.size() < 500'000; ++i) body += "row " + std::to_string(i * 7919) + "\n";
  for (const std::string_view coding : {"gzip", "zstd", "x-gzip", "identity"}) {
    const std::string coded = coding == "zstd"       ? Zstd(body)
                              : coding == "identity" ? body
                                                     : Gzip(body);
    for (const bool chunked : {false, true}) {
      std::string request =
          "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: " + std::string(coding) + "\r\n";
      if (chunked) {
        request += "Transfer-Encoding: chunked\r\n\r\n";
        for (std::size_t i = 0; i < coded.size(); i += 0x1000) {
          const std::string piece = coded.substr(i, 0x1000);
          char size[16];
          snprintf(size, sizeof(size), "%zx\r\n", piece.size());
          request += size + piece + "\r\n";
        }
        request += "0\r\n\r\n";
      } else {
        request += "Content-Length: " + std::to_string(coded.size()) + "\r\n\r\n" + coded;
      }
      client.Send(request);
      const auto answer = client.ReceiveAnswer();
      EXPECT_EQ(answer.status, 200) << coding << answer.body;
      EXPECT_EQ(answer.body, body) << coding << " chunked " << chunked;
    }
  }
}

TEST(Coding, BrokenBodiesAre400) {
  TestSite site;
  const std::string whole = Gzip(std::string(10'000, 'x'));
  for (const std::string& body : {std::string("garbage"), whole.substr(0, whole.size() - 3)}) {
    RawClient client(site.port());
    client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    EXPECT_EQ(client.ReceiveAnswer().status, 400);
  }
}

}  // namespace
}  // namespace fustor::http
