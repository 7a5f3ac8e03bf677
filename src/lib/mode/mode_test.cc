#include "lib/mode/mode.h"

#include <gtest/gtest.h>

namespace fustor::mode {
namespace {

TEST(ModeTest, PassesAsFindPermDoes) {
  struct Case {
    const char* text;
    std::uint32_t mode;
    bool directory;
    bool passes;
  };
  const Case cases[] = {
      {"644", 0644, false, true},      {"644", 0100644, false, true},
      {"644", 0664, false, false},     {"-644", 0664, false, true},
      {"-4000", 0104755, false, true}, {"-4000", 0100755, false, false},
      {"/022", 0620, false, true},     {"/022", 0644, false, false},
      {"/000", 0, false, true},        {"-000", 0, false, true},
      {"u=rw,g+r", 0640, false, true}, {"-g+w", 0770, false, true},
      {"/g+w,o+w", 0702, false, true}, {"-a+X", 0644, false, true},
      {"-a+X", 0644, true, false},     {"-a+X", 0755, true, true},
      {"0", 0, false, true},           {"7777", 0107777, false, true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.text) + " of " + std::to_string(c.mode));
    const auto test = ParseModeTest(c.text);
    ASSERT_TRUE(test.has_value());
    EXPECT_EQ(test->Passes(c.mode, c.directory), c.passes);
  }
}

TEST(ModeTest, RefusesWhatIsNoMode) {
  for (const char* text : {"", "-", "/", "8", "10000", "+022", "rwx", "u~x", "644,755", "--644"}) {
    EXPECT_FALSE(ParseModeTest(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace fustor::mode
