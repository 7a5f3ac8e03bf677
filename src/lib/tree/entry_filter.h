// entry_filter.h: whether an entry has the attributes that a search asks for.
//
// Pure. Made once per search; nothing is allocated per entry. The name's pattern is
// name_filter.h's.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/tree/chunk.h"
#include "lib/tree/search.h"

namespace fustor::tree {

class EntryFilter {
 public:
  // `query` must outlive the filter.
  explicit EntryFilter(const SearchQuery& query);

  // What is known without the name. False: it does not match.
  bool PassesAttributes(const ChunkView& view, std::uint32_t row) const;
  // What the name and the path decide, for an entry that has the attributes.
  bool PassesPath(const ChunkView& view, std::uint32_t row, std::string_view path,
                  std::string_view name) const;

 private:
  bool PassesTimes(const ChunkView& view, std::uint32_t row) const;
  bool PassesOwner(const ChunkView& view, std::uint32_t row) const;
  std::uint8_t MarksUnder(std::string_view path) const;

  const SearchQuery& query_;
  bool has_times_ = false;
  bool has_owner_ = false;
  std::uint8_t path_marks_ = 0;  // Of the marks asked for, those that depend on the path.
};

}  // namespace fustor::tree
