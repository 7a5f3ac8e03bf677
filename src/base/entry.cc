#include "base/entry.h"

#include "base/name_order.h"

namespace fustor {

void EntryList::SortByName() {
  std::vector<std::string_view> names(rows_.size());
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = name(i);
  NameOrder sorter;
  const std::span<const std::uint32_t> order = sorter.Sort(names);
  if (order.empty()) return;
  std::vector<Row> sorted;
  sorted.reserve(rows_.size());
  for (const std::uint32_t row : order) sorted.push_back(rows_[row]);
  rows_ = std::move(sorted);
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
