// export_rows.h: the entries of a view as rows of a table, whatever format they are written in.
//
// Pure. An ExportRows belongs to one export. Names are bytes and a table holds text: each byte that
// is no UTF-8 stands in the text as U+FFFD, and then path_b64 (symlink_target_b64) is there with
// the exact bytes in base64. It is null for everything else.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/tree/tree.h"
#include "svc/fusion/flow/view.h"

namespace fustor::fusion {

enum class ExportColumn : std::uint8_t {
  kPath,
  kName,
  kParent,
  kDepth,
  kType,
  kSize,
  kAllocated,
  kMtime,
  kCtime,
  kAtime,
  kMode,
  kUid,
  kGid,
  kDevice,
  kInode,
  kNlink,
  kSymlinkTarget,
  kFlags,
  kAgent,
  kSource,
  kPathB64,
  kSymlinkTargetB64,
  // Not among the columns that are there when nobody says which.
  kMtimeNs,
  kCtimeNs,
  kAtimeNs,
};
inline constexpr std::size_t kExportColumns = 25;
inline constexpr std::size_t kExportColumnsDefault = 22;

// "path", "name" ...
std::string_view NameOf(ExportColumn column);
std::optional<ExportColumn> ParseExportColumn(std::string_view name);

// "path,size": each once. "": those that are there when nobody says which. False: something else.
bool ParseExportColumns(std::string_view text, std::vector<ExportColumn>* columns);
// All of them, with ", " between.
std::string ExportColumnNames();

enum class ExportType : std::uint8_t {
  kText,
  kSigned,
  kUnsigned,
  kTime,  // Nanoseconds since 1970.
};
ExportType TypeOf(ExportColumn column);
// Whether an entry may have no value there.
bool MayBeNull(ExportColumn column);

struct ExportCell {
  bool null = false;
  std::int64_t number = 0;  // Of kUnsigned the same bits.
  std::string_view text;    // UTF-8.
};

// One row at a time.
class ExportRows {
 public:
  ExportRows(std::vector<ExportColumn> columns, std::shared_ptr<const ViewStatus> status);

  const std::vector<ExportColumn>& columns() const { return columns_; }
  // The row of the entry at `path`. O(path).
  void Load(std::string_view path, const tree::Snapshot::Row& row);
  // Valid until the next Load.
  ExportCell Cell(ExportColumn column) const;

 private:
  struct Reporter {
    std::string agent, source;
  };
  void LoadPath(std::string_view path);
  void LoadFlags(std::string_view path);
  ExportCell CellOfText(ExportColumn column) const;

  const std::vector<ExportColumn> columns_;
  const std::shared_ptr<const ViewStatus> status_;
  std::vector<Reporter> reporters_;
  std::array<std::string, 64> flags_text_;  // By the bits below.
  bool wants_b64_ = false;

  tree::Entry entry_;
  std::string directory_;  // As bytes; rows of one directory come one after the other.
  bool directory_is_text_ = true;
  std::string parent_;
  std::int64_t depth_ = 0;
  std::string path_, target_;
  std::string_view name_;  // In path_.
  std::string path_b64_, target_b64_;
  std::size_t flags_ = 0;
};

// Appends `bytes` with U+FFFD for each byte that is no part of well-formed UTF-8.
void AppendAsText(std::string_view bytes, std::string* out);

// "2023-11-14T22:13:20.123456789Z"
void AppendIsoTime(std::int64_t ns, std::string* out);

}  // namespace fustor::fusion
