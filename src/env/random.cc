#include "env/random.h"

#include <vector>

namespace fustor::env {

std::uint64_t Random::Next() {
  std::uint64_t value = 0;
  Fill(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

std::string Random::Hex(std::size_t bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::vector<std::byte> raw(bytes);
  Fill(raw);
  std::string hex;
  hex.reserve(bytes * 2);
  for (const std::byte b : raw) {
    hex += kDigits[std::to_integer<unsigned>(b) >> 4];
    hex += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return hex;
}

}  // namespace fustor::env
