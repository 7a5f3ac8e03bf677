#include "base/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#endif

namespace fustor {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // Reflected.

constexpr auto kTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}();

using Function = std::uint32_t (*)(std::string_view, std::uint32_t);

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) std::uint32_t Crc32cHardware(std::string_view bytes,
                                                               std::uint32_t crc) {
  std::uint64_t state = ~crc;
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    state = _mm_crc32_u64(state, word);
    bytes.remove_prefix(8);
  }
  auto narrow = static_cast<std::uint32_t>(state);
  for (const char c : bytes) narrow = _mm_crc32_u8(narrow, static_cast<std::uint8_t>(c));
  return ~narrow;
}

Function Choose() {
  return __builtin_cpu_supports("sse4.2") ? Crc32cHardware : internal::Crc32cTable;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

std::uint32_t Crc32cHardware(std::string_view bytes, std::uint32_t crc) {
  std::uint32_t state = ~crc;
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    state = __crc32cd(state, word);
    bytes.remove_prefix(8);
  }
  for (const char c : bytes) state = __crc32cb(state, static_cast<std::uint8_t>(c));
  return ~state;
}

Function Choose() { return Crc32cHardware; }

#else

Function Choose() { return internal::Crc32cTable; }

#endif

}  // namespace

namespace internal {
std::uint32_t Crc32cTable(std::string_view bytes, std::uint32_t crc) {
  std::uint32_t state = ~crc;
  for (const char c : bytes) {
    state = kTable[(state ^ static_cast<std::uint8_t>(c)) & 0xFF] ^ (state >> 8);
  }
  return ~state;
}
}  // namespace internal

std::uint32_t Crc32c(std::string_view bytes, std::uint32_t crc) {
  static const Function function = Choose();
  return function(bytes, crc);
}

}  // namespace fustor
