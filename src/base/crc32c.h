// crc32c.h: CRC-32C (Castagnoli), the checksum of our on-disk formats. Pure.
//
// Uses the instruction of SSE4.2 or ARMv8 where the processor has it (found out at the first call),
// a table otherwise; all give the same numbers.
#pragma once

#include <cstdint>
#include <string_view>

namespace fustor {

// Checksum of `bytes`, or of what `crc` is the checksum of followed by `bytes`.
std::uint32_t Crc32c(std::string_view bytes, std::uint32_t crc = 0);

namespace internal {
// The fallback alone, for tests.
std::uint32_t Crc32cTable(std::string_view bytes, std::uint32_t crc = 0);
}  // namespace internal

}  // namespace fustor
