// node_json.h: entries of a view as JSON (docs/http-api.md).
//
// Pure. A NodeJson belongs to one answer. Nodes are written straight into the buffer: a listing of
// 100 entries costs a few ten microseconds.
//
// Keys, in this order: name, path, [path_b64], content_type, size, modified_time, created_time,
// integrity_suspect, [audit_skipped], last_agent_id, source_uri, agent_missing, and ours:
// modified_time_ns, changed_time, accessed_time, mode, uid, gid, inode, nlink, allocated_size,
// [symlink_target, [symlink_target_b64]], [kind], [uncertain], [audit_only], [listed_at], [totals].
// Times are seconds since 1970 with all their digits. Bytes that are not UTF-8 are escaped as
// base/json_writer.h says; then path_b64 is there and holds the exact bytes. kind is there for what
// is neither a regular file nor a directory: "symlink" or "other". uncertain and audit_only are
// there when they are true; listed_at with totals, of a directory whose files have been looked at.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/tree/tree.h"
#include "svc/fusion/flow/view.h"

namespace fustor::fusion {

class NodeJson {
 public:
  struct Options {
    bool only_path = false;  // Only name, path, content_type (and children).
    bool totals = false;     // Directories come with the sums of what is below them.
    // Children stand in an object by their names, as clients of the oldest routes expect.
    bool keyed = false;
  };
  NodeJson(Options options, std::shared_ptr<const ViewStatus> status);

  // A directory, prepared so that its children's paths are cheap.
  struct Parent {
    std::string path;     // With a slash at its end.
    std::string escaped;  // The same, as it stands in JSON.
    bool utf8 = true;
  };
  static Parent MakeParent(std::string_view directory);

  // The brackets around children, and what stands before each of them.
  std::string_view open_children() const { return options_.keyed ? "{" : "["; }
  std::string_view close_children() const { return options_.keyed ? "}" : "]"; }
  void AppendKey(std::string_view name, std::string* out) const;

  // Appends a node without its closing brace, so that more keys can follow. `name` is empty for
  // the root, whose parent is "/". `snapshot` is asked for totals.
  void AppendOpen(const Parent& parent, std::string_view name, const tree::Entry& entry,
                  const tree::Snapshot& snapshot, std::string* out) const;
  // Without totals.
  void AppendOpen(const Parent& parent, std::string_view name, const tree::Entry& entry,
                  std::string* out) const;
  // The same by path, and closed.
  void Append(std::string_view path, const tree::Entry& entry, const tree::Snapshot& snapshot,
              std::string* out) const;

  // Whether reports about this path are known to have been lost.
  bool IsUncertain(std::string_view path) const;
  bool IsAuditOnly(std::string_view path) const;

 private:
  void AppendAttributes(const tree::Entry& entry, std::string* out) const;
  void AppendReporter(std::uint16_t reporter, std::string* out) const;

  Options options_;
  std::shared_ptr<const ViewStatus> status_;
  // By reporter, from `,"last_agent_id":` to the value of source_uri.
  std::vector<std::string> reporters_;
};

// Nanoseconds since 1970 as seconds: "1.0", "-0.5", "1700000000.123456789".
void AppendJsonSeconds(std::string* out, std::int64_t ns);

// {"file_count":1,"dir_count":1,"total_size":5,"allocated_size":8,"latest_mtime":..,
// "latest_mtime_ns":..}
void AppendTotals(const tree::Aggregates& totals, std::string* out);

}  // namespace fustor::fusion
