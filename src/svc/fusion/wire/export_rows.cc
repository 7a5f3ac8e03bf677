#include "svc/fusion/wire/export_rows.h"

#include <algorithm>

#include "base/base64.h"
#include "base/path.h"
#include "base/utf8.h"

namespace fustor::fusion {
namespace {

struct Definition {
  std::string_view name;
  ExportType type;
  bool nullable = false;
};

constexpr std::array<Definition, kExportColumns> kDefinitions = {{
    {"path", ExportType::kText},
    {"name", ExportType::kText},
    {"parent", ExportType::kText},
    {"depth", ExportType::kSigned},
    {"type", ExportType::kText},
    {"size", ExportType::kSigned},
    {"allocated", ExportType::kSigned},
    {"mtime", ExportType::kTime},
    {"ctime", ExportType::kTime},
    {"atime", ExportType::kTime},
    {"mode", ExportType::kSigned},
    {"uid", ExportType::kSigned},
    {"gid", ExportType::kSigned},
    {"device", ExportType::kUnsigned, true},
    {"inode", ExportType::kUnsigned, true},
    {"nlink", ExportType::kSigned},
    {"symlink_target", ExportType::kText, true},
    {"flags", ExportType::kText},
    {"agent", ExportType::kText, true},
    {"source", ExportType::kText, true},
    {"path_b64", ExportType::kText, true},
    {"symlink_target_b64", ExportType::kText, true},
    {"mtime_ns", ExportType::kSigned},
    {"ctime_ns", ExportType::kSigned},
    {"atime_ns", ExportType::kSigned},
}};

const Definition& DefinitionOf(ExportColumn column) {
  return kDefinitions[static_cast<std::size_t>(column)];
}

constexpr std::array<std::string_view, 4> kTypes = {"file", "directory", "symlink", "other"};

constexpr std::array<std::string_view, 6> kFlagNames = {"suspect", "agent_missing", "audit_skipped",
                                                        "implied", "uncertain",     "audit_only"};

std::string Text(std::string_view bytes) {
  std::string text;
  AppendAsText(bytes, &text);
  return text;
}

ExportCell Number(std::int64_t number) { return {.null = false, .number = number, .text = {}}; }
ExportCell Known(std::uint64_t number) {
  return {.null = number == 0, .number = static_cast<std::int64_t>(number), .text = {}};
}

}  // namespace

std::string_view NameOf(ExportColumn column) { return DefinitionOf(column).name; }
ExportType TypeOf(ExportColumn column) { return DefinitionOf(column).type; }
bool MayBeNull(ExportColumn column) { return DefinitionOf(column).nullable; }

std::optional<ExportColumn> ParseExportColumn(std::string_view name) {
  const auto it = std::ranges::find(kDefinitions, name, &Definition::name);
  if (it == kDefinitions.end()) return std::nullopt;
  return static_cast<ExportColumn>(it - kDefinitions.begin());
}

bool ParseExportColumns(std::string_view text, std::vector<ExportColumn>* columns) {
  columns->clear();
  if (text.empty()) {
    for (std::size_t i = 0; i < kExportColumnsDefault; ++i) {
      columns->push_back(static_cast<ExportColumn>(i));
    }
    return true;
  }
  for (;;) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::optional<ExportColumn> column = ParseExportColumn(text.substr(0, comma));
    if (!column || std::ranges::find(*columns, *column) != columns->end()) return false;
    columns->push_back(*column);
    if (comma == text.size()) return true;
    text.remove_prefix(comma + 1);
  }
}

std::string ExportColumnNames() {
  std::string names;
  for (const Definition& definition : kDefinitions) {
    if (!names.empty()) names += ", ";
    names += definition.name;
  }
  return names;
}

ExportRows::ExportRows(std::vector<ExportColumn> columns, std::shared_ptr<const ViewStatus> status)
    : columns_(std::move(columns)), status_(std::move(status)) {
  reporters_.reserve(status_->reporters.size());
  for (const ViewStatus::Reporter& reporter : status_->reporters) {
    reporters_.push_back({Text(reporter.agent_id), Text(reporter.source_uri)});
  }
  for (std::size_t bits = 0; bits < flags_text_.size(); ++bits) {
    for (std::size_t i = 0; i < kFlagNames.size(); ++i) {
      if ((bits >> i & 1) == 0) continue;
      if (!flags_text_[bits].empty()) flags_text_[bits] += ' ';
      flags_text_[bits] += kFlagNames[i];
    }
  }
  wants_b64_ = std::ranges::find(columns_, ExportColumn::kPathB64) != columns_.end() ||
               std::ranges::find(columns_, ExportColumn::kSymlinkTargetB64) != columns_.end();
}

void ExportRows::LoadPath(std::string_view path) {
  const auto [directory, name] = SplitPath(path);
  if (directory != directory_) {
    directory_ = directory;
    directory_is_text_ = IsUtf8(directory);
    parent_ = Text(directory);
    depth_ = directory == "/" ? 1 : std::ranges::count(directory, '/') + 1;
  }
  path_ = parent_ == "/" ? "" : parent_;
  path_ += '/';
  const std::size_t name_at = path_.size();
  AppendAsText(name, &path_);
  name_ = std::string_view(path_).substr(name_at);
  path_b64_.clear();
  if (wants_b64_ && !(directory_is_text_ && IsUtf8(name))) path_b64_ = Base64Encode(path);
}

void ExportRows::LoadFlags(std::string_view path) {
  const auto concerns = [path](const auto& list, auto path_of) {
    return std::ranges::any_of(list, [&](const auto& at) { return IsWithin(path, path_of(at)); });
  };
  const std::uint8_t flags = entry_.flags;
  const bool uncertain =
      (flags & tree::kUncertain) != 0 ||
      concerns(status_->uncertain, [](const Arbiter::Uncertain& u) { return u.path; });
  const bool audit_only = concerns(status_->audit_only, [](const std::string& p) { return p; });
  flags_ = std::size_t{(flags & tree::kSuspect) != 0} |
           std::size_t{(flags & tree::kKnownByAgent) == 0} << 1 |
           std::size_t{(flags & tree::kAuditSkipped) != 0} << 2 |
           std::size_t{(flags & tree::kImplied) != 0} << 3 | std::size_t{uncertain} << 4 |
           std::size_t{audit_only} << 5;
}

void ExportRows::Load(std::string_view path, const tree::Snapshot::Row& row) {
  entry_ = row.Load();
  LoadPath(path);
  LoadFlags(path);
  if (entry_.attrs.kind != EntryKind::kSymlink) return;
  target_.clear();
  AppendAsText(entry_.target, &target_);
  target_b64_ = wants_b64_ && !IsUtf8(entry_.target) ? Base64Encode(entry_.target) : "";
}

ExportCell ExportRows::CellOfText(ExportColumn column) const {
  const auto text = [](std::string_view text) {
    return ExportCell{.null = false, .number = 0, .text = text};
  };
  const auto unless_empty = [](std::string_view text) {
    return ExportCell{.null = text.empty(), .number = 0, .text = text};
  };
  const bool symlink = entry_.attrs.kind == EntryKind::kSymlink;
  const bool reported = entry_.reporter < reporters_.size();
  switch (column) {
    case ExportColumn::kPath:
      return text(path_);
    case ExportColumn::kName:
      return text(name_);
    case ExportColumn::kParent:
      return text(parent_);
    case ExportColumn::kType:
      return text(kTypes[static_cast<std::size_t>(entry_.attrs.kind)]);
    case ExportColumn::kSymlinkTarget:
      return {.null = !symlink, .number = 0, .text = symlink ? target_ : std::string_view()};
    case ExportColumn::kFlags:
      return text(flags_text_[flags_]);
    case ExportColumn::kAgent:
      return unless_empty(reported ? reporters_[entry_.reporter].agent : std::string_view());
    case ExportColumn::kSource:
      return unless_empty(reported ? reporters_[entry_.reporter].source : std::string_view());
    case ExportColumn::kPathB64:
      return unless_empty(path_b64_);
    default:
      return unless_empty(symlink ? target_b64_ : std::string_view());
  }
}

ExportCell ExportRows::Cell(ExportColumn column) const {
  const EntryAttrs& a = entry_.attrs;
  switch (column) {
    case ExportColumn::kDepth:
      return Number(depth_);
    case ExportColumn::kSize:
      return Number(a.size_bytes);
    case ExportColumn::kAllocated:
      return Number(a.allocated_bytes);
    case ExportColumn::kMtime:
    case ExportColumn::kMtimeNs:
      return Number(a.mtime_ns);
    case ExportColumn::kCtime:
    case ExportColumn::kCtimeNs:
      return Number(a.ctime_ns);
    case ExportColumn::kAtime:
    case ExportColumn::kAtimeNs:
      return Number(a.atime_ns);
    case ExportColumn::kMode:
      return Number(a.mode);
    case ExportColumn::kUid:
      return Number(a.uid);
    case ExportColumn::kGid:
      return Number(a.gid);
    case ExportColumn::kDevice:
      return Known(a.device);
    case ExportColumn::kInode:
      return Known(a.inode);
    case ExportColumn::kNlink:
      return Number(a.nlink);
    default:
      return CellOfText(column);
  }
}

void AppendAsText(std::string_view bytes, std::string* out) {
  if (IsUtf8(bytes)) {
    *out += bytes;
    return;
  }
  while (!bytes.empty()) {
    const std::size_t n = Utf8SequenceLength(bytes.substr(0, 4));
    if (n == 0) {
      *out += "\xEF\xBF\xBD";
    } else {
      *out += bytes.substr(0, n);
    }
    bytes.remove_prefix(n == 0 ? 1 : n);
  }
}

void AppendIsoTime(std::int64_t ns, std::string* out) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  constexpr std::int64_t kDay = 86'400;
  std::int64_t seconds = ns / kSecond;
  std::int64_t part = ns % kSecond;
  if (part < 0) {
    part += kSecond;
    --seconds;
  }
  std::int64_t days = seconds / kDay;
  std::int64_t second = seconds % kDay;
  if (second < 0) {
    second += kDay;
    --days;
  }
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days)))};
  char text[] = "0000-00-00T00:00:00.000000000Z";
  const auto digits = [&text](std::size_t at, std::size_t n, std::uint64_t value) {
    for (; n > 0; --n, value /= 10) text[at + n - 1] = static_cast<char>('0' + value % 10);
  };
  digits(0, 4, static_cast<std::uint64_t>(static_cast<int>(date.year())));
  digits(5, 2, static_cast<unsigned>(date.month()));
  digits(8, 2, static_cast<unsigned>(date.day()));
  digits(11, 2, static_cast<std::uint64_t>(second / 3600));
  digits(14, 2, static_cast<std::uint64_t>(second / 60 % 60));
  digits(17, 2, static_cast<std::uint64_t>(second % 60));
  digits(20, 9, static_cast<std::uint64_t>(part));
  *out += std::string_view(text, sizeof text - 1);
}

}  // namespace fustor::fusion
