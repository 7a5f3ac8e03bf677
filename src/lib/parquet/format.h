// format.h: the numbers that Parquet's headers and footer are made of (docs/formats/parquet.md).
#pragma once

#include <cstdint>

namespace fustor::parquet::format {

inline constexpr char kMagic[] = "PAR1";

// Type
inline constexpr std::int32_t kInt64 = 2;
inline constexpr std::int32_t kByteArray = 6;
// FieldRepetitionType
inline constexpr std::int32_t kRequired = 0;
inline constexpr std::int32_t kOptional = 1;
// ConvertedType
inline constexpr std::int32_t kUtf8 = 0;
inline constexpr std::int32_t kUint64 = 14;
// Encoding
inline constexpr std::int32_t kPlain = 0;
inline constexpr std::int32_t kRle = 3;
inline constexpr std::int32_t kRleDictionary = 8;
// CompressionCodec
inline constexpr std::int32_t kUncompressed = 0;
inline constexpr std::int32_t kZstd = 6;
// PageType
inline constexpr std::int32_t kDataPage = 0;
inline constexpr std::int32_t kDictionaryPage = 2;

}  // namespace fustor::parquet::format
