#include "lib/tree/groups.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/path.h"

namespace fustor::tree {
namespace {

constexpr std::int64_t kDay = 86'400'000'000'000;
constexpr std::int64_t kYear = 365 * kDay;
// Where the age classes from 2 on begin.
constexpr std::array<std::int64_t, kAgeClasses - 2> kAgeBounds = {
    kDay, 7 * kDay, 30 * kDay, 90 * kDay, 180 * kDay, kYear, 2 * kYear, 5 * kYear, 10 * kYear};
constexpr std::array<std::string_view, kAgeClasses> kAgeNames = {
    "future",  "0-1d",  "1d-7d", "7d-30d", "30d-90d", "90d-180d",
    "180d-1y", "1y-2y", "2y-5y", "5y-10y", "10y-"};

std::uint64_t Positive(std::int64_t n) { return n < 0 ? 0 : static_cast<std::uint64_t>(n); }

std::uint64_t DepthOf(std::string_view path) {
  return path == "/" ? 0 : static_cast<std::uint64_t>(std::ranges::count(path, '/'));
}

}  // namespace

void GroupSums::Add(const Snapshot::Row& row, bool first_name) {
  const bool directory = row.kind() == EntryKind::kDirectory;
  ++(directory ? directories : files);
  if (first_name) {
    if (!directory) bytes += Positive(row.size_bytes());
    allocated_bytes += Positive(row.allocated_bytes());
  }
  const std::int64_t mtime = row.mtime_ns();
  earliest_mtime_ns = std::min(earliest_mtime_ns, mtime);
  latest_mtime_ns = std::max(latest_mtime_ns, mtime);
}

void GroupSums::Add(const GroupSums& other) {
  files += other.files;
  directories += other.directories;
  bytes += other.bytes;
  allocated_bytes += other.allocated_bytes;
  earliest_mtime_ns = std::min(earliest_mtime_ns, other.earliest_mtime_ns);
  latest_mtime_ns = std::max(latest_mtime_ns, other.latest_mtime_ns);
}

std::uint64_t SizeClassOf(std::int64_t size_bytes) {
  return static_cast<std::uint64_t>(std::bit_width(Positive(size_bytes)));
}

Range SizesOfClass(std::uint64_t size_class) {
  if (size_class == 0) return {std::nullopt, 0};
  const std::int64_t min = std::int64_t{1} << (size_class - 1);
  return {min, min + (min - 1)};
}

std::uint64_t AgeClassOf(std::int64_t time_ns, std::int64_t now_ns) {
  if (time_ns > now_ns) return 0;
  const auto* const bound =
      std::ranges::find_if(kAgeBounds, [&](std::int64_t age) { return time_ns > now_ns - age; });
  return 1 + static_cast<std::uint64_t>(bound - kAgeBounds.begin());
}

Range TimesOfAgeClass(std::uint64_t age_class, std::int64_t now_ns) {
  Range range;
  if (age_class == 0) return {now_ns + 1, std::nullopt};
  range.max = age_class == 1 ? now_ns : now_ns - kAgeBounds[age_class - 2];
  if (age_class < kAgeClasses - 1) range.min = now_ns - kAgeBounds[age_class - 1] + 1;
  return range;
}

std::string_view AgeClassName(std::uint64_t age_class) { return kAgeNames[age_class]; }

Grouping::Grouping(Options options) : options_(std::move(options)), seen_(options_.inodes_max) {
  FUSTOR_CHECK(!options_.by.empty() && options_.by.size() <= kDimensionsMax);
  depth_of_under_ = DepthOf(options_.under);
}

std::int64_t Grouping::TimeOf(const Snapshot::Row& row) const {
  return options_.age_of == SortKey::kCtime   ? row.ctime_ns()
         : options_.age_of == SortKey::kAtime ? row.atime_ns()
                                              : row.mtime_ns();
}

std::optional<std::uint64_t> Grouping::KeyOfExtension(std::string_view name) {
  buffer_ = ExtensionOf(name);
  for (char& c : buffer_) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const auto known = extension_keys_.find(std::string_view(buffer_));
  if (known != extension_keys_.end()) return known->second;
  if (extensions_.size() >= options_.groups_max) return std::nullopt;
  extension_keys_.emplace(buffer_, extensions_.size());
  extensions_.push_back(buffer_);
  return extensions_.size() - 1;
}

std::optional<std::uint64_t> Grouping::KeyOf(Dimension dimension, std::string_view path,
                                             const Snapshot::Row& row) {
  switch (dimension) {
    case Dimension::kAge:
      return AgeClassOf(TimeOf(row), options_.now_ns);
    case Dimension::kSize:
      return SizeClassOf(row.size_bytes());
    case Dimension::kExtension:
      return KeyOfExtension(row.name());
    case Dimension::kOwner:
      return row.uid();
    case Dimension::kGroup:
      return row.gid();
    case Dimension::kDepth:
      return DepthOf(path) - depth_of_under_;
    case Dimension::kType:
      break;
  }
  return static_cast<std::uint64_t>(row.kind());
}

GroupSums* Grouping::SumsOf(std::string_view path, const Snapshot::Row& row) {
  Key key = {};
  for (std::size_t i = 0; i < options_.by.size(); ++i) {
    const std::optional<std::uint64_t> one = KeyOf(options_.by[i], path, row);
    if (!one) return nullptr;
    key[i] = *one;
  }
  const auto known = groups_.find(key);
  if (known != groups_.end()) return &known->second;
  if (groups_.size() >= options_.groups_max) return nullptr;
  return &groups_[key];
}

void Grouping::Add(std::string_view path, const Snapshot::Row& row) {
  const bool first_name = seen_.IsFirst(row);
  total_.Add(row, first_name);
  GroupSums* sums = SumsOf(path, row);
  if (sums == nullptr) {
    rest_used_ = true;
    sums = &rest_;
  }
  sums->Add(row, first_name);
}

Grouping::Groups Grouping::groups() const { return {groups_.begin(), groups_.end()}; }

}  // namespace fustor::tree
