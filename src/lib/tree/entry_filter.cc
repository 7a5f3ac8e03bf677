#include "lib/tree/entry_filter.h"

#include <algorithm>
#include <functional>

namespace fustor::tree {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool IsBetween(std::int64_t value, const std::optional<std::int64_t>& min,
               const std::optional<std::int64_t>& max) {
  return (!min || value >= *min) && (!max || value <= *max);
}

bool HasExtension(std::string_view name, std::string_view lower) {
  if (lower.empty()) return ExtensionOf(name).empty();
  if (name.size() < lower.size() + 2) return false;
  const std::size_t begin = name.size() - lower.size();
  if (name[begin - 1] != '.') return false;
  return std::equal(lower.begin(), lower.end(), name.begin() + static_cast<std::ptrdiff_t>(begin),
                    [](char a, char b) { return a == Lower(b); });
}

// Whether a path is one of the sorted ones, or lies below one.
bool IsUnderOneOf(std::string_view path, const std::vector<std::string>& subtrees) {
  const auto has = [&](std::string_view subtree) {
    return std::binary_search(subtrees.begin(), subtrees.end(), subtree, std::less<>());
  };
  if (has("/") || has(path)) return true;
  for (std::size_t at = path.rfind('/'); at > 0 && at != std::string_view::npos;
       at = path.rfind('/', at - 1)) {
    if (has(path.substr(0, at))) return true;
  }
  return false;
}

}  // namespace

std::string_view ExtensionOf(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? std::string_view() : name.substr(dot + 1);
}

EntryFilter::EntryFilter(const SearchQuery& query) : query_(query) {
  has_times_ = query.mtime_min_ns || query.mtime_max_ns || query.ctime_min_ns ||
               query.ctime_max_ns || query.atime_min_ns || query.atime_max_ns;
  has_owner_ = !query.uids.empty() || !query.gids.empty() || query.mode || query.links_min > 0;
  const std::uint8_t asked = query.marks_any | query.marks_none;
  if (!query.uncertain_under.empty()) path_marks_ |= asked & kMarkUncertain;
  if (!query.audit_only_under.empty()) path_marks_ |= asked & kMarkAuditOnly;
}

bool EntryFilter::PassesTimes(const ChunkView& view, std::uint32_t row) const {
  return IsBetween(view.Signed(kMtimes, row), query_.mtime_min_ns, query_.mtime_max_ns) &&
         IsBetween(view.ctime_ns(row), query_.ctime_min_ns, query_.ctime_max_ns) &&
         IsBetween(view.atime_ns(row), query_.atime_min_ns, query_.atime_max_ns);
}

bool EntryFilter::PassesOwner(const ChunkView& view, std::uint32_t row) const {
  const auto among = [&](Column column, const std::vector<std::uint32_t>& wanted) {
    return wanted.empty() || std::ranges::find(wanted, view.Value(column, row)) != wanted.end();
  };
  if (!among(kUids, query_.uids) || !among(kGids, query_.gids)) return false;
  if (query_.links_min > 0 && view.Value(kNlinks, row) < query_.links_min) return false;
  return !query_.mode ||
         query_.mode->Passes(view.mode(row), view.kind(row) == EntryKind::kDirectory);
}

bool EntryFilter::PassesAttributes(const ChunkView& view, std::uint32_t row) const {
  const EntryKind kind = view.kind(row);
  if (!(kind == EntryKind::kDirectory ? query_.directories : query_.files)) return false;
  if (query_.kind && *query_.kind != kind) return false;
  if (!IsBetween(view.Signed(kSizes, row), query_.size_min_bytes, query_.size_max_bytes)) {
    return false;
  }
  if (has_times_ && !PassesTimes(view, row)) return false;
  if (has_owner_ && !PassesOwner(view, row)) return false;
  if ((query_.marks_any | query_.marks_none) == 0) return true;
  const std::uint8_t marks = view.flags(row) ^ kKnownByAgent;
  if ((marks & query_.marks_none) != 0) return false;
  return query_.marks_any == 0 || ((marks | path_marks_) & query_.marks_any) != 0;
}

std::uint8_t EntryFilter::MarksUnder(std::string_view path) const {
  std::uint8_t marks = 0;
  if ((path_marks_ & kMarkUncertain) != 0 && IsUnderOneOf(path, query_.uncertain_under)) {
    marks |= kMarkUncertain;
  }
  if ((path_marks_ & kMarkAuditOnly) != 0 && IsUnderOneOf(path, query_.audit_only_under)) {
    marks |= kMarkAuditOnly;
  }
  return marks;
}

bool EntryFilter::PassesPath(const ChunkView& view, std::uint32_t row, std::string_view path,
                             std::string_view name) const {
  if (!query_.extensions.empty() &&
      std::ranges::none_of(query_.extensions, [&](const std::string& extension) {
        return HasExtension(name, extension);
      })) {
    return false;
  }
  if (path_marks_ != 0) {
    const auto marks =
        static_cast<std::uint8_t>((view.flags(row) ^ kKnownByAgent) | MarksUnder(path));
    if ((marks & query_.marks_none) != 0) return false;
    if (query_.marks_any != 0 && (marks & query_.marks_any) == 0) return false;
  }
  return query_.regex == nullptr || query_.regex->MatchesWhole(query_.regex_on_path ? path : name);
}

}  // namespace fustor::tree
