// format.h: the numbers and texts that checkpoints are made of. For lib/checkpoint alone. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fustor::checkpoint {

inline constexpr std::string_view kMagic{"FUSTORCP", 8};
inline constexpr std::size_t kHeadBytes = 16;      // Magic, version, checksum.
inline constexpr std::size_t kFrameHeadBytes = 9;  // Size, checksum, type.
inline constexpr char kHeaderFrame = 'H';
inline constexpr char kRowsFrame = 'R';
inline constexpr char kFooterFrame = 'F';
inline constexpr std::size_t kDepthMax = 32'768;  // As kPathBytesMax allows.

// What a row says beside name, inode, size and mtime. The first value of a row; 0 instead of it:
// another directory begins.
enum Mask : std::uint64_t {
  kIsRow = 1,
  kKindShift = 1,  // Two bits.
  kHasFlags = 1 << 3,
  kHasMode = 1 << 4,
  kHasOwner = 1 << 5,
  kHasNlink = 1 << 6,
  kHasDevice = 1 << 7,
  kHasReporter = 1 << 8,
  kHasCtime = 1 << 9,
  kHasAtime = 1 << 10,
  kHasBlocks = 1 << 11,
  kHasTarget = 1 << 12,
  kHasListed = 1 << 13,
  kMaskEnd = 1 << 14,
};

inline std::uint64_t Bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }
inline std::int64_t FromBits(std::uint64_t bits) { return static_cast<std::int64_t>(bits); }
// Small numbers of either sign as small numbers.
inline std::uint64_t ZigZag(std::uint64_t bits) {
  return (bits << 1) ^ static_cast<std::uint64_t>(FromBits(bits) >> 63);
}
inline std::uint64_t UnZigZag(std::uint64_t coded) { return (coded >> 1) ^ (0 - (coded & 1)); }

inline void PutU32(std::uint32_t value, std::string* out) {
  for (int i = 0; i < 4; ++i) out->push_back(static_cast<char>(value >> (8 * i) & 255));
}
inline std::uint32_t GetU32(std::string_view at) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(at[i]);
  return value;
}
inline void PutVarint(std::uint64_t value, std::string* out) {
  for (; value >= 128; value >>= 7) out->push_back(static_cast<char>(value | 128));
  out->push_back(static_cast<char>(value));
}
inline void PutDelta(std::uint64_t value, std::uint64_t* last, std::string* out) {
  PutVarint(ZigZag(value - *last), out);
  *last = value;
}
inline void PutText(std::string_view text, std::string* out) {
  PutVarint(text.size(), out);
  out->append(text);
}
inline bool IsEntryName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

}  // namespace fustor::checkpoint
