// batch_check_testing.h: what holds for every batch that a door has let in, for fuzz targets. Not
// for programs.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/path.h"
#include "lib/batch/batch.h"

namespace fustor::fusion {

inline void CheckEntry(const EntryAttrs& attrs, std::string_view target) {
  FUSTOR_CHECK(attrs.kind <= EntryKind::kOther);
  FUSTOR_CHECK(attrs.size_bytes >= 0 && attrs.allocated_bytes >= 0);
  FUSTOR_CHECK(target.size() <= kPathBytesMax && target.find('\0') == std::string_view::npos);
}

inline void CheckName(std::string_view name) {
  FUSTOR_CHECK(name.find('/') == std::string_view::npos);
  FUSTOR_CHECK(IsNormalViewPath("/" + std::string(name)));
}

inline void CheckBatch(const batch::Batch& batch) {
  FUSTOR_CHECK(batch.source >= batch::Source::kRealtime && batch.source <= batch::Source::kJob);
  FUSTOR_CHECK(batch.mark <= batch::ScanMark::kEnd);
  FUSTOR_CHECK(batch.changes.empty() || batch.source == batch::Source::kRealtime);
  FUSTOR_CHECK(batch.scan_path.empty() || IsNormalViewPath(batch.scan_path));
  for (const batch::Change& change : batch.changes) {
    FUSTOR_CHECK(change.kind >= batch::Change::Kind::kUpsert &&
                 change.kind <= batch::Change::Kind::kMove);
    FUSTOR_CHECK(IsNormalViewPath(change.path));
    FUSTOR_CHECK(change.kind != batch::Change::Kind::kMove || IsNormalViewPath(change.old_path));
    FUSTOR_CHECK(change.moved <= batch::Change::Moved::kOther);
    CheckEntry(change.attrs, change.target);
  }
  for (const batch::DirBlock& block : batch.blocks) {
    FUSTOR_CHECK(IsNormalViewPath(block.path));
    FUSTOR_CHECK(!(block.complete && (batch.loose || block.silent || block.failed)));
    CheckEntry(block.self, "");
    for (const std::string& name : block.exempt) CheckName(name);
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      CheckName(block.rows.name(i));
      CheckEntry(block.rows.attrs(i), block.rows.target(i));
      FUSTOR_CHECK(i == 0 || block.rows.name(i - 1) < block.rows.name(i), "not strictly sorted");
    }
  }
}

inline bool Same(const EntryList& a, const EntryList& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a.name(i) != b.name(i) || a.attrs(i) != b.attrs(i) || a.target(i) != b.target(i)) {
      return false;
    }
  }
  return true;
}

inline bool Same(const batch::Change& a, const batch::Change& b) {
  return a.kind == b.kind && a.path == b.path && a.old_path == b.old_path && a.attrs == b.attrs &&
         a.target == b.target && a.atomic == b.atomic && a.moved == b.moved &&
         a.moved_inode == b.moved_inode;
}

inline bool Same(const batch::DirBlock& a, const batch::DirBlock& b) {
  return a.path == b.path && a.self == b.self && Same(a.rows, b.rows) && a.complete == b.complete &&
         a.failed == b.failed && a.exempt == b.exempt && a.silent == b.silent &&
         a.unwatched == b.unwatched;
}

// What of all that travels differs; empty: nothing.
inline std::string_view Difference(const batch::Batch& a, const batch::Batch& b) {
  const auto same = [](const auto& x, const auto& y) { return Same(x, y); };
  if (a.sequence != b.sequence) return "sequence";
  if (a.source != b.source) return "source";
  if (a.index_ms != b.index_ms) return "index";
  if (a.scan_id != b.scan_id) return "scan_id";
  if (a.mark != b.mark) return "mark";
  if (a.scan_path != b.scan_path) return "scan_path";
  if (a.job_id != b.job_id) return "job_id";
  if (std::max(a.full_every, 1U) != std::max(b.full_every, 1U)) return "full_every";
  if (a.begun_ago_ms != b.begun_ago_ms) return "begun_ago_ms";
  if (a.shallow != b.shallow) return "shallow";
  if (a.job_error != b.job_error) return "job_error";
  if (a.lost_events != b.lost_events) return "lost_events";
  if (a.loose != b.loose) return "loose";
  if (!std::ranges::equal(a.changes, b.changes, same)) return "changes";
  return std::ranges::equal(a.blocks, b.blocks, same) ? "" : "blocks";
}

}  // namespace fustor::fusion
