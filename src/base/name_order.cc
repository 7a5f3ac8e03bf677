#include "base/name_order.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace fustor {
namespace {

// The first eight bytes as a big-endian number; what is missing counts as NUL, which no name holds.
std::uint64_t SortKey(std::string_view rest) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t key = 0;
  if (rest.size() >= sizeof key) {
    std::memcpy(&key, rest.data(), sizeof key);
  } else if (!rest.empty()) {
    std::memcpy(&key, rest.data(), rest.size());
  }
  return __builtin_bswap64(key);
}

std::size_t CommonPrefix(std::span<const std::string_view> names) {
  std::string_view prefix = names.front();
  for (const std::string_view name : names) {
    if (name.starts_with(prefix)) continue;
    const auto end = std::mismatch(prefix.begin(), prefix.end(), name.begin(), name.end()).first;
    prefix = prefix.substr(0, static_cast<std::size_t>(end - prefix.begin()));
  }
  return prefix.size();
}

}  // namespace

std::span<const std::uint32_t> NameOrder::Sort(std::span<const std::string_view> names) {
  const std::size_t n = names.size();
  if (n < 2) return {};
  const std::size_t prefix = CommonPrefix(names);
  items_.resize(n);
  std::uint64_t differing = 0;
  bool sorted = true;
  for (std::size_t i = 0; i < n; ++i) {
    items_[i] = {SortKey(names[i].substr(prefix)), static_cast<std::uint32_t>(i)};
    differing |= items_[i].key ^ items_[0].key;
    if (i > 0 && items_[i].key <= items_[i - 1].key) {
      sorted = sorted && items_[i].key == items_[i - 1].key && names[i - 1] <= names[i];
    }
  }
  if (sorted) return {};

  // Where counting 256 buckets costs more than comparing.
  constexpr std::size_t kFewRows = 32;
  if (n < kFewRows) {
    std::sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) {
      return a.key != b.key ? a.key < b.key : a.row < b.row;
    });
  } else {
    RadixSort(differing);
  }
  SortEqualKeys(names);
  order_.resize(n);
  for (std::size_t i = 0; i < n; ++i) order_[i] = items_[i].row;
  return order_;
}

// Least significant byte first, stable; bytes in which all keys agree cost nothing.
void NameOrder::RadixSort(std::uint64_t differing) {
  other_.resize(items_.size());
  for (int shift = 0; shift < 64; shift += 8) {
    if (((differing >> shift) & 0xFF) == 0) continue;
    std::array<std::uint32_t, 256> places{};
    for (const Item& item : items_) ++places[(item.key >> shift) & 0xFF];
    std::uint32_t place = 0;
    for (std::uint32_t& p : places) place += std::exchange(p, place);
    for (const Item& item : items_) other_[places[(item.key >> shift) & 0xFF]++] = item;
    items_.swap(other_);
  }
}

// Names that agree in those eight bytes too.
void NameOrder::SortEqualKeys(std::span<const std::string_view> names) {
  const std::size_t n = items_.size();
  for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
    while (end < n && items_[end].key == items_[begin].key) ++end;
    if (end - begin < 2) continue;
    std::sort(items_.begin() + static_cast<std::ptrdiff_t>(begin),
              items_.begin() + static_cast<std::ptrdiff_t>(end),
              [names](const Item& a, const Item& b) {
                const int order = names[a.row].compare(names[b.row]);
                return order != 0 ? order < 0 : a.row < b.row;
              });
  }
}

}  // namespace fustor
