#include "base/entry.h"

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

std::size_t CommonPrefix(std::string_view a, std::string_view b) {
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return static_cast<std::size_t>(end - a.begin());
}

// Least significant byte first, stable; bytes in which all keys agree cost nothing. O(n).
template <class Item>
void RadixSort(std::vector<Item>* items, std::uint64_t differing) {
  std::vector<Item> other(items->size());
  for (int shift = 0; shift < 64; shift += 8) {
    if (((differing >> shift) & 0xFF) == 0) continue;
    std::array<std::uint32_t, 256> places{};
    for (const Item& item : *items) ++places[(item.key >> shift) & 0xFF];
    std::uint32_t place = 0;
    for (std::uint32_t& p : places) place += std::exchange(p, place);
    for (const Item& item : *items) other[places[(item.key >> shift) & 0xFF]++] = item;
    items->swap(other);
  }
}

}  // namespace

// Which row comes where; empty when the rows are in order already.
std::vector<EntryList::SortItem> EntryList::Order() const {
  const std::size_t n = rows_.size();
  if (n < 2) return {};
  std::string_view prefix = name(0);
  for (std::size_t i = 1; i < n; ++i) {
    if (!name(i).starts_with(prefix)) prefix = prefix.substr(0, CommonPrefix(prefix, name(i)));
  }

  std::vector<SortItem> order(n);
  std::uint64_t differing = 0;
  bool sorted = true;
  for (std::size_t i = 0; i < n; ++i) {
    order[i] = {SortKey(name(i).substr(prefix.size())), static_cast<std::uint32_t>(i)};
    differing |= order[i].key ^ order[0].key;
    if (i > 0 && order[i].key <= order[i - 1].key) {
      sorted = sorted && order[i].key == order[i - 1].key && name(i - 1) <= name(i);
    }
  }
  if (sorted) return {};

  // Where counting 256 buckets costs more than comparing.
  constexpr std::size_t kFewRows = 32;
  if (n < kFewRows) {
    std::sort(order.begin(), order.end(), [](const SortItem& a, const SortItem& b) {
      return a.key != b.key ? a.key < b.key : a.row < b.row;
    });
  } else {
    RadixSort(&order, differing);
  }
  // Names that agree in those eight bytes too.
  for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
    while (end < n && order[end].key == order[begin].key) ++end;
    if (end - begin < 2) continue;
    std::sort(order.begin() + static_cast<std::ptrdiff_t>(begin),
              order.begin() + static_cast<std::ptrdiff_t>(end),
              [this](const SortItem& a, const SortItem& b) {
                const int names = name(a.row).compare(name(b.row));
                return names != 0 ? names < 0 : a.row < b.row;
              });
  }

  return order;
}

void EntryList::SortByName() {
  std::vector<SortItem> order = Order();
  // Every row moves once, along the circles of the permutation.
  for (std::uint32_t start = 0; start < order.size(); ++start) {
    if (order[start].row == start) continue;
    const Row first = rows_[start];
    std::uint32_t at = start;
    while (order[at].row != start) {
      const std::uint32_t from = order[at].row;
      rows_[at] = rows_[from];
      order[at].row = at;
      at = from;
    }
    rows_[at] = first;
    order[at].row = at;
  }
}

EntryList EntryList::SortedCopy() const {
  const std::vector<SortItem> order = Order();
  EntryList copy;
  copy.Reserve(rows_.size(), arena_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const Row& from = rows_[order.empty() ? i : order[i].row];
    copy.rows_.push_back(from);
    copy.rows_.back().offset = copy.arena_.size();
    copy.arena_.append(arena_, from.offset, std::size_t{from.name_size} + from.target_size);
  }
  return copy;
}

std::size_t EntryList::FindSorted(std::string_view wanted) const {
  std::size_t low = 0;
  std::size_t high = rows_.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (name(middle) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < rows_.size() && name(low) == wanted ? low : rows_.size();
}

}  // namespace fustor
