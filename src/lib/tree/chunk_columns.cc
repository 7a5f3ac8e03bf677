#include "lib/tree/chunk_columns.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace fustor::tree {
namespace {

unsigned BytesFor(std::uint64_t value) {
  return (static_cast<unsigned>(std::bit_width(value)) + 7) / 8;
}

// The smallest size class from which `base` can be sign-extended.
std::uint8_t BaseClass(std::uint64_t base) {
  for (std::uint8_t i = 0; i < 7; ++i) {
    const unsigned bytes = packed::kBaseBytes[i];
    const std::uint64_t same =
        bytes == 0 ? 0
                   : static_cast<std::uint64_t>(
                         static_cast<std::int64_t>(base << (64 - 8 * bytes)) >> (64 - 8 * bytes));
    if (same == base) return i;
  }
  return 7;
}

std::uint64_t Bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }

}  // namespace

RowColumns ColumnsOf(const RowValues& values) {
  const EntryAttrs& a = values.attrs;
  const std::uint64_t mtime = Bits(a.mtime_ns);
  RowColumns to{};
  to[kMtimes] = mtime;
  to[kDirs] = values.dir.value;
  to[kKindModes] = std::uint64_t{a.mode} << 2 | static_cast<std::uint64_t>(a.kind);
  to[kSizes] = Bits(a.size_bytes);
  to[kBlocks] = Bits(a.allocated_bytes) - ExpectedBlocks(Bits(a.size_bytes));
  to[kCtimes] = Bits(a.ctime_ns) - mtime;
  to[kAtimes] = Bits(a.atime_ns) - mtime;
  to[kInodes] = a.inode;
  to[kDevices] = a.device;
  to[kUids] = a.uid;
  to[kGids] = a.gid;
  to[kNlinks] = a.nlink;
  to[kFlagsReporters] = std::uint64_t{values.reporter} << 8 | values.flags;
  to[kConfirmed] = Bits(values.confirmed_ns);
  return to;
}

std::uint8_t* AppendColumn(std::uint8_t* at, const std::uint64_t* values, std::uint32_t rows,
                           Column column, std::uint8_t* descriptor) {
  std::int64_t low = static_cast<std::int64_t>(values[0]);
  std::int64_t high = low;
  for (std::uint32_t i = 1; i < rows; ++i) {
    const auto value = static_cast<std::int64_t>(values[i]);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  const bool down = column == kMtimes;
  const std::uint64_t base = Bits(down ? high : low);
  const std::uint64_t range = Bits(high) - Bits(low);
  bool seconds = range >= packed::kSecond;
  for (std::uint32_t i = 0; seconds && i < rows; ++i) {
    seconds = (values[i] - Bits(low)) % packed::kSecond == 0 &&
              (Bits(high) - values[i]) % packed::kSecond == 0;
  }
  const std::uint64_t scale = seconds ? packed::kSecond : 1;
  const unsigned width = BytesFor(range / scale);
  const std::uint8_t base_class = BaseClass(base);
  *descriptor = static_cast<std::uint8_t>(width | base_class << 4 | (seconds ? 128 : 0));

  std::memcpy(at, &base, sizeof base);
  at += packed::kBaseBytes[base_class];
  if (width == 0) return at;
  // Each store writes eight bytes; the next one overwrites what was too much.
  for (std::uint32_t i = 0; i < rows; ++i, at += width) {
    std::uint64_t raw = down ? base - values[i] : values[i] - base;
    if (seconds) raw /= packed::kSecond;
    std::memcpy(at, &raw, sizeof raw);
  }
  return at;
}

const Chunk* FinishChunk(std::uint8_t* buffer, std::uint8_t* at, Chunk head, const Chunk* reusable,
                         Blocks* blocks) {
  // Readers load eight bytes at a time, also from where the last column starts.
  const std::size_t least = head.names_at + std::size_t{8};
  while (static_cast<std::size_t>(at - buffer) < least) *at++ = 0;
  const auto bytes = static_cast<std::size_t>(at - buffer);
  head.bytes = static_cast<std::uint32_t>(bytes);
  std::memcpy(buffer, &head, packed::kColumnsAt);
  void* const block = reusable != nullptr && reusable->bytes == bytes ? const_cast<Chunk*>(reusable)
                                                                      : blocks->Take(bytes);
  std::memcpy(block, buffer, bytes);
  return static_cast<const Chunk*>(block);
}

}  // namespace fustor::tree
