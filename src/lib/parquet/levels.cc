#include "lib/parquet/levels.h"

#include "lib/parquet/thrift.h"

namespace fustor::parquet {
namespace {

constexpr std::size_t kGroup = 8;

void AppendRun(std::uint32_t value, std::size_t count, unsigned bits, std::string* out) {
  AppendVarint(static_cast<std::uint64_t>(count) << 1, out);
  for (unsigned done = 0; done < bits; done += 8) *out += static_cast<char>(value >> done);
}

// The last group may be filled up with zeros: the page says how many values there are.
void AppendPacked(std::span<const std::uint32_t> values, unsigned bits, std::string* out) {
  if (values.empty()) return;
  const std::size_t groups = (values.size() + kGroup - 1) / kGroup;
  AppendVarint(static_cast<std::uint64_t>(groups) << 1 | 1, out);
  std::uint64_t pending = 0;
  unsigned pending_bits = 0;
  for (std::size_t i = 0; i < groups * kGroup; ++i) {
    if (i < values.size()) pending |= std::uint64_t{values[i]} << pending_bits;
    for (pending_bits += bits; pending_bits >= 8; pending_bits -= 8, pending >>= 8) {
      *out += static_cast<char>(pending);
    }
  }
}

}  // namespace

void AppendHybrid(std::span<const std::uint32_t> values, unsigned bits, std::string* out) {
  std::size_t packed_from = 0;  // What is not written yet.
  std::size_t at = 0;
  while (at < values.size()) {
    std::size_t end = at + 1;
    while (end < values.size() && values[end] == values[at]) ++end;
    // What is packed before a run must be whole groups: they take from the run.
    const std::size_t fill = (kGroup - (at - packed_from) % kGroup) % kGroup;
    if (end - at >= kGroup + fill) {
      const std::size_t run = at + fill;
      AppendPacked(values.subspan(packed_from, run - packed_from), bits, out);
      AppendRun(values[at], end - run, bits, out);
      packed_from = end;
    }
    at = end;
  }
  AppendPacked(values.subspan(packed_from), bits, out);
}

}  // namespace fustor::parquet
