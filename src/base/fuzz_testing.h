// fuzz_testing.h: reads numbers and texts off the bytes that a fuzzer gives. Not for programs.
//
// Deterministic: the same bytes give the same values. What is used up gives zeros and empty texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace fustor {

class FuzzInput {
 public:
  // The bytes must outlive it and what it returns.
  FuzzInput(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  std::uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  bool Flag() { return (Byte() & 1) != 0; }
  // REQUIRES: 0 < n <= 256.
  std::size_t Below(std::size_t n) { return Byte() % n; }
  std::uint64_t Number() {
    std::uint64_t number = 0;
    for (int i = 0; i < 8; ++i) number = number << 8 | Byte();
    return number;
  }
  // At most 255 bytes.
  std::string_view Text() {
    const std::size_t size = Byte();
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(text.size());
    return text;
  }

 private:
  std::string_view rest_;
};

// "a\nb" -> {"a", "b"}: at most `most` lines, what follows is left out.
inline std::vector<std::string_view> FuzzLines(std::string_view text, std::size_t most) {
  std::vector<std::string_view> lines;
  while (lines.size() < most) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace fustor
