// Feeds arbitrary bytes to what brings paths and names into their form.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "base/check.h"
#include "base/path.h"

namespace fustor {
namespace {

void CheckNormal(const std::string& normal) {
  FUSTOR_CHECK(IsNormalViewPath(normal));
  const Result<std::string> again = NormalizeViewPath(normal);
  FUSTOR_CHECK(again.ok() && *again == normal, "normalising twice is normalising once");
  std::string joined = "/";
  std::string_view rest = normal;
  for (std::string_view name = NextComponent(&rest); !name.empty(); name = NextComponent(&rest)) {
    joined = JoinPath(joined, name);
    FUSTOR_CHECK(IsNormalViewPath(joined) && IsWithin(normal, joined));
  }
  FUSTOR_CHECK(joined == normal);
  if (normal == "/") return;
  const auto [directory, name] = SplitPath(normal);
  FUSTOR_CHECK(JoinPath(directory, name) == normal && IsWithin(normal, directory));
  FUSTOR_CHECK(!IsWithin(directory, normal));
}

int Digit(char c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; }

// What PrintablePath was given.
std::string Unprint(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes += text[i];
    } else if (text.at(i + 1) == '\\') {
      bytes += text[++i];
    } else {
      bytes += static_cast<char>(Digit(text.at(i + 2)) << 4 | Digit(text.at(i + 3)));
      i += 3;
    }
  }
  return bytes;
}

void Check(std::string_view bytes) {
  const Result<std::string> normal = NormalizeViewPath(bytes);
  const bool was_normal = IsNormalViewPath(bytes);
  FUSTOR_CHECK(!was_normal || (normal.ok() && *normal == bytes));
  if (normal.ok()) CheckNormal(*normal);

  const std::string printable = PrintablePath(bytes);
  FUSTOR_CHECK(IsUtf8(printable));
  for (const char c : printable) {
    FUSTOR_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "a terminal would obey it");
  }
  FUSTOR_CHECK(Unprint(printable) == bytes);

  const Result<std::string> encoded = Base64Decode(Base64Encode(bytes));
  FUSTOR_CHECK(encoded.ok() && *encoded == bytes);
  const Result<std::string> decoded = Base64Decode(bytes);
  FUSTOR_CHECK(!decoded.ok() || Base64Encode(*decoded) == bytes, "every text has one meaning");
}

}  // namespace
}  // namespace fustor

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
