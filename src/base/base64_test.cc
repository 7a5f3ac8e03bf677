#include "base/base64.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace fustor {
namespace {

TEST(Base64, VectorsOfRfc4648) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {"\xff\xfe", "//4="},
  };
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(Base64Encode(bytes), text);
    EXPECT_EQ(Base64Decode(text).value(), bytes);
  }
}

TEST(Base64, RefusesWhatIsNoEncoding) {
  for (const char* text : {"Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Z*==", "Zh==", "Zm9=",
                           "Zm 9v", "=Zm9", "Zm9v\n"}) {
    const Result<std::string> decoded = Base64Decode(text);
    EXPECT_EQ(decoded.status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(Base64, AnyBytesSurviveARoundTrip) {
  Prng random(1);
  for (std::size_t n = 0; n < 300; ++n) {
    std::string bytes;
    while (bytes.size() < n) bytes += static_cast<char>(random.Next());
    EXPECT_EQ(Base64Decode(Base64Encode(bytes)).value(), bytes);
  }
}

}  // namespace
}  // namespace fustor
