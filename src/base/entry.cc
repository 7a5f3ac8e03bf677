#include "base/entry.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace fustor {
namespace {

// Big-endian first eight bytes after `skip`, so that comparing numbers compares bytes.
std::uint64_t Key(std::string_view name, std::size_t skip) {
  std::uint64_t key = 0;
  const std::size_t n = name.size() > skip ? std::min<std::size_t>(8, name.size() - skip) : 0;
  std::memcpy(&key, name.data() + std::min(skip, name.size()), n);
  return __builtin_bswap64(key);
}

std::size_t CommonPrefix(std::string_view a, std::string_view b) {
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return static_cast<std::size_t>(end - a.begin());
}

}  // namespace

void EntryList::SortByName() {
  const std::size_t n = rows_.size();
  if (n < 2) return;
  bool sorted = true;
  std::size_t skip = name(0).size();
  for (std::size_t i = 1; i < n; ++i) {
    skip = std::min(skip, CommonPrefix(name(0).substr(0, skip), name(i)));
    if (sorted && name(i) < name(i - 1)) sorted = false;
  }
  if (sorted) return;

  struct Item {
    std::uint64_t key;
    std::uint32_t row;
  };
  static_assert(std::endian::native == std::endian::little);
  std::vector<Item> order(n);
  for (std::size_t i = 0; i < n; ++i) {
    order[i] = {Key(name(i), skip), static_cast<std::uint32_t>(i)};
  }
  std::sort(order.begin(), order.end(), [this](const Item& a, const Item& b) {
    return a.key != b.key ? a.key < b.key : name(a.row) < name(b.row);
  });
  std::vector<Row> rows;
  rows.reserve(n);
  for (const Item& item : order) rows.push_back(rows_[item.row]);
  rows_ = std::move(rows);
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
