#include "lib/tree/name_filter.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace fustor::tree {
namespace {

// Lower-cases ASCII; written so that it is vectorized.
void AppendLower(std::string_view text, std::string* to) {
  const std::size_t at = to->size();
  to->resize(at + text.size());
  char* const out = to->data() + at;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<std::uint8_t>(text[i]);
    const auto upper = static_cast<std::uint8_t>(c - 'A') < 26;
    out[i] = static_cast<char>(c + (upper ? 32 : 0));
  }
}

}  // namespace

std::uint32_t RowSet::Next(std::uint32_t row, const RowSet& other) const {
  for (std::uint32_t word = row / 64; word < 2; ++word, row = word * 64) {
    const std::uint64_t bits = (words[word] | other.words[word]) >> (row % 64);
    if (bits != 0) return row + static_cast<std::uint32_t>(std::countr_zero(bits));
  }
  return 128;
}

RowSet RowSet::All(std::uint32_t rows) {
  RowSet all;
  all.words[0] = rows >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << rows) - 1;
  if (rows == 128) {
    all.words[1] = ~std::uint64_t{0};
  } else if (rows > 64) {
    all.words[1] = (std::uint64_t{1} << (rows - 64)) - 1;
  }
  return all;
}

NameFilter::NameFilter(const std::string& pattern) {
  if (pattern.empty()) return;
  if (Glob::IsPattern(pattern)) {
    glob_.emplace(pattern);
  } else {
    substring_.emplace(pattern);
  }
}

bool NameFilter::Matches(std::string_view path, std::string_view name) const {
  if (substring_) return substring_->Matches(name);
  return !glob_ || glob_->Matches(name) || glob_->Matches(path);
}

bool NameFilter::MayMatchBelow(std::string_view directory) const {
  // Names have no slash: such a pattern can only match paths, and these begin with its head.
  if (!glob_ || !glob_->head().starts_with('/')) return true;
  const std::string_view head = glob_->head();
  if (head.size() <= directory.size()) return directory.starts_with(head);
  return head.starts_with(directory) && head[directory.size()] == '/';
}

RowSet NameFilter::Match(const Chunk& chunk, std::string_view directory) {
  const ChunkNames names(chunk);
  if (substring_) return MatchSubstring(names);
  if (glob_) return MatchGlob(names, directory);
  return RowSet::All(chunk.rows);
}

RowSet NameFilter::MatchSubstring(const ChunkNames& names) {
  buffer_.clear();
  AppendLower(names.prefix(), &buffer_);
  AppendLower(names.rests(), &buffer_);
  const std::string_view all = buffer_;
  const std::size_t prefix_size = names.prefix().size();
  return Containing(names, all.substr(0, prefix_size), all.substr(prefix_size),
                    substring_->lower());
}

RowSet NameFilter::Containing(const ChunkNames& names, std::string_view prefix,
                              std::string_view rests, std::string_view needle) {
  if (::memmem(prefix.data(), prefix.size(), needle.data(), needle.size()) != nullptr) {
    return RowSet::All(names.size());
  }
  RowSet rows;
  // Matches that begin in the prefix and end in the rest of a name.
  for (std::size_t k = 1; k < needle.size() && k <= prefix.size(); ++k) {
    if (!prefix.ends_with(needle.substr(0, k))) continue;
    for (std::uint32_t row = 0; row < names.size(); ++row) {
      const std::uint32_t begin = names.start(row);
      const std::string_view rest = rests.substr(begin, names.end(row) - begin);
      if (rest.starts_with(needle.substr(k))) rows.Add(row);
    }
  }
  // Matches in the rest: all names at once; what reaches into the next name is none.
  std::uint32_t row = 0;
  std::size_t from = 0;
  while (from + needle.size() <= rests.size()) {
    const void* const hit =
        ::memmem(rests.data() + from, rests.size() - from, needle.data(), needle.size());
    if (hit == nullptr) break;
    const auto at = static_cast<std::size_t>(static_cast<const char*>(hit) - rests.data());
    while (names.end(row) <= at) ++row;
    const std::size_t end = names.end(row);
    if (at + needle.size() <= end) {
      rows.Add(row);
      from = end;
    } else {
      from = at + 1;
    }
  }
  return rows;
}

RowSet NameFilter::MatchGlob(const ChunkNames& names, std::string_view directory) {
  RowSet rows;
  const std::string_view tail = glob_->tail();
  const std::string_view head = glob_->head();
  const bool by_name = !head.starts_with('/');
  const bool by_path = head.empty() || head.starts_with('/');
  const std::string_view prefix = names.prefix();
  if (!by_path && prefix.substr(0, head.size()) != head.substr(0, prefix.size())) return rows;
  buffer_ = directory;
  (buffer_ += '/') += prefix;
  const std::size_t base = buffer_.size();
  // A name is part of its path, so that what the path lacks the name lacks too.
  const RowSet candidates = glob_->core().empty()
                                ? RowSet::All(names.size())
                                : Containing(names, buffer_, names.rests(), glob_->core());
  for (std::uint32_t row = candidates.Next(0, {}); row < names.size();
       row = candidates.Next(row + 1, {})) {
    const std::string_view rest = names.rest(row);
    const std::size_t shared = std::min(tail.size(), rest.size());
    if (rest.substr(rest.size() - shared) != tail.substr(tail.size() - shared)) continue;
    buffer_.resize(base);
    buffer_ += rest;
    const std::string_view path = buffer_;
    if ((by_name && glob_->Matches(path.substr(directory.size() + 1))) ||
        (by_path && glob_->Matches(path))) {
      rows.Add(row);
    }
  }
  return rows;
}

}  // namespace fustor::tree
