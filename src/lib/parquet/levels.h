// levels.h: small numbers as runs and packed bits, Parquet's RLE/bit-packing hybrid.
//
// Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace fustor::parquet {

// Appends the values, each below 2^bits. Runs of eight and more equal values become one run, the
// others are packed, eight at a time. REQUIRES: 1 <= bits <= 32.
void AppendHybrid(std::span<const std::uint32_t> values, unsigned bits, std::string* out);

}  // namespace fustor::parquet
