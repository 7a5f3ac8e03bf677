#include "svc/client/wire/answers.h"

#include <cmath>
#include <string_view>

namespace fustor::client {
namespace {

// Members in the order of the document; the first one of a wrong type is kept as the failure.
class Members {
 public:
  void Text(std::string_view key, const json::Value& value, std::string* out) {
    if (value.is_null()) return;
    const Result<std::string_view> text = value.AsString();
    if (text.ok()) {
      *out = *text;
    } else {
      Fail(key, text.status());
    }
  }
  void Bool(std::string_view key, const json::Value& value, bool* out) {
    Take(key, value.AsBool(), out);
  }
  void Uint(std::string_view key, const json::Value& value, std::uint64_t* out) {
    Take(key, value.AsUint(), out);
  }
  void Int(std::string_view key, const json::Value& value, std::int64_t* out) {
    Take(key, value.AsInt(), out);
  }
  void Uint32(std::string_view key, const json::Value& value, std::uint32_t* out) {
    std::uint64_t wide = 0;
    Uint(key, value, &wide);
    *out = static_cast<std::uint32_t>(wide);
  }
  // Seconds as nanoseconds; what a double cannot hold is rounded, what int64 cannot is cut.
  void Seconds(std::string_view key, const json::Value& value, std::int64_t* out) {
    double seconds = 0;
    Take(key, value.AsDouble(), &seconds);
    constexpr double kMax = 9.2e9;
    seconds = std::min(kMax, std::max(-kMax, seconds));
    const double whole = std::floor(seconds);
    *out = static_cast<std::int64_t>(whole) * 1'000'000'000 +
           static_cast<std::int64_t>(std::lround((seconds - whole) * 1e9));
  }
  void Fail(std::string_view key, const Status& status) {
    if (status_.ok())
      status_ = Status(Code::kInvalidArgument, "'" + std::string(key) + "': " + status.message());
  }
  const Status& status() const { return status_; }

 private:
  template <class T>
  void Take(std::string_view key, const Result<T>& result, T* out) {
    if (result.ok()) {
      *out = *result;
    } else {
      Fail(key, result.status());
    }
  }
  Status status_;
};

Totals DecodeTotals(const json::Value& value, Members* members) {
  Totals totals;
  for (const auto& [key, member] : value.members()) {
    if (key == "file_count") members->Uint(key, member, &totals.files);
    if (key == "dir_count") members->Uint(key, member, &totals.directories);
    if (key == "total_size") members->Uint(key, member, &totals.bytes);
    if (key == "allocated_size") members->Uint(key, member, &totals.allocated_bytes);
    if (key == "latest_mtime_ns") members->Int(key, member, &totals.latest_mtime_ns);
  }
  return totals;
}

void DecodeMember(const std::string& key, const json::Value& value, Node* node, Members* members) {
  EntryAttrs& a = node->attrs;
  if (key == "path") return members->Text(key, value, &node->path);
  if (key == "content_type" || key == "kind") {
    std::string kind;
    members->Text(key, value, &kind);
    if (kind == "directory") a.kind = EntryKind::kDirectory;
    if (kind == "symlink") a.kind = EntryKind::kSymlink;
    if (kind == "other") a.kind = EntryKind::kOther;
    return;
  }
  if (key == "size") return members->Int(key, value, &a.size_bytes);
  if (key == "modified_time_ns") return members->Int(key, value, &a.mtime_ns);
  if (key == "changed_time") return members->Seconds(key, value, &a.ctime_ns);
  if (key == "accessed_time") return members->Seconds(key, value, &a.atime_ns);
  if (key == "mode") return members->Uint32(key, value, &a.mode);
  if (key == "uid") return members->Uint32(key, value, &a.uid);
  if (key == "gid") return members->Uint32(key, value, &a.gid);
  if (key == "nlink") return members->Uint32(key, value, &a.nlink);
  if (key == "inode") return members->Uint(key, value, &a.inode);
  if (key == "allocated_size") return members->Int(key, value, &a.allocated_bytes);
  if (key == "symlink_target") return members->Text(key, value, &node->target);
  if (key == "integrity_suspect") return members->Bool(key, value, &node->suspect);
  if (key == "uncertain") return members->Bool(key, value, &node->uncertain);
  if (key == "audit_skipped") return members->Bool(key, value, &node->audit_skipped);
  if (key == "audit_only") return members->Bool(key, value, &node->audit_only);
  if (key == "listed_at") return members->Seconds(key, value, &node->listed_ns.emplace());
  if (key == "agent_missing") return members->Bool(key, value, &node->agent_missing);
  if (key == "last_agent_id") return members->Text(key, value, &node->agent_id);
  if (key == "source_uri") return members->Text(key, value, &node->source_uri);
  if (key == "totals") node->totals = DecodeTotals(value, members);
}

std::size_t Count(const json::Value& object, std::string_view key) {
  const json::Value* list = object.Find(key);
  return list == nullptr ? 0 : list->items().size();
}

Result<ViewState> DecodeView(const json::Value& value) {
  ViewState view;
  Members members;
  for (const auto& [key, member] : value.members()) {
    if (key == "id") members.Text(key, member, &view.id);
    if (key == "driver") members.Text(key, member, &view.driver);
    if (key == "ready") members.Bool(key, member, &view.ready);
    if (key == "freshness") members.Text(key, member, &view.freshness);
    if (key == "reason") members.Text(key, member, &view.reason);
    if (key == "snapshot_rows") members.Uint(key, member, &view.snapshot_rows);
    if (key == "total_files") members.Uint(key, member, &view.files);
    if (key == "total_directories") members.Uint(key, member, &view.directories);
    if (key == "total_size") members.Uint(key, member, &view.bytes);
    if (key == "allocated_size") members.Uint(key, member, &view.allocated_bytes);
    if (key == "memory_bytes") members.Uint(key, member, &view.memory_bytes);
    if (key == "suspect_file_count") members.Uint(key, member, &view.suspects);
    if (key == "refused_items") members.Uint(key, member, &view.refused);
    if (key == "alarm" && !member.is_null()) members.Text(key, member, &view.alarm);
    if (key == "file_evidence_age_seconds" && !member.is_null()) {
      std::int64_t ns = 0;
      members.Seconds(key, member, &ns);
      view.file_evidence_age = Nanos(ns);
    }
    if (key == "has_blind_spot") members.Bool(key, member, &view.has_blind_spot);
    if (key == "is_auditing") members.Bool(key, member, &view.is_auditing);
    if (key == "evidence_age_seconds" && !member.is_null()) {
      std::int64_t ns = 0;
      members.Seconds(key, member, &ns);
      view.evidence_age = Nanos(ns);
    }
    if (key == "source_uris") {
      for (const json::Value& uri : member.items()) {
        members.Text(key, uri, &view.source_uris.emplace_back());
      }
    }
  }
  view.uncertain_count = Count(value, "uncertain");
  view.audit_only_count = Count(value, "audit_only");
  if (!members.status().ok()) return members.status();
  if (view.id.empty()) return Status(Code::kInvalidArgument, "a view without 'id'");
  return view;
}

}  // namespace

Result<Node> DecodeNode(const json::Value& value) {
  Node node;
  Members members;
  for (const auto& [key, member] : value.members()) DecodeMember(key, member, &node, &members);
  if (!members.status().ok()) return members.status();
  if (node.path.empty()) return Status(Code::kInvalidArgument, "an entry without 'path'");
  return node;
}

Result<Page> DecodePage(json::Value document) {
  Page page;
  page.document = std::move(document);
  const json::Value* items = page.document.Find("items");
  if (items == nullptr) {
    FUSTOR_TRY_ASSIGN(page.directory, DecodeNode(page.document));
    items = page.document.Find("children");
  }
  if (items != nullptr) {
    page.items.reserve(items->items().size());
    for (const json::Value& item : items->items()) {
      FUSTOR_TRY_ASSIGN(Node node, DecodeNode(item));
      page.items.push_back({std::move(node), &item});
    }
  }
  FUSTOR_TRY_ASSIGN(const std::string_view next, page.document.GetStringOr("next", ""));
  if (!next.empty()) page.next = std::string(next);
  return page;
}

Result<std::vector<ViewState>> DecodeViews(const json::Value& value) {
  FUSTOR_TRY_ASSIGN(const json::Value::Array* list, value.GetArray("views"));
  std::vector<ViewState> views;
  for (const json::Value& item : *list) {
    FUSTOR_TRY_ASSIGN(ViewState view, DecodeView(item));
    views.push_back(std::move(view));
  }
  return views;
}

Result<std::vector<SessionState>> DecodeSessions(const json::Value& value) {
  FUSTOR_TRY_ASSIGN(const json::Value::Array* list, value.GetArray("active_sessions"));
  std::vector<SessionState> sessions;
  Members members;
  for (const json::Value& item : *list) {
    SessionState& session = sessions.emplace_back();
    for (const auto& [key, member] : item.members()) {
      if (key == "agent_id") members.Text(key, member, &session.agent_id);
      if (key == "task_id") members.Text(key, member, &session.task_id);
      if (key == "client_ip") members.Text(key, member, &session.client_ip);
      if (key == "source_uri") members.Text(key, member, &session.source_uri);
      if (key == "role") members.Text(key, member, &session.role);
      if (key == "can_realtime") members.Bool(key, member, &session.can_realtime);
      if (key == "last_activity") members.Seconds(key, member, &session.last_activity.ns);
      if (key == "created_at") members.Seconds(key, member, &session.created_at.ns);
    }
  }
  if (!members.status().ok()) return members.status();
  return sessions;
}

Result<JobState> DecodeJob(const json::Value& value) {
  JobState job;
  Members members;
  for (const auto& [key, member] : value.members()) {
    if (key == "job_id") members.Text(key, member, &job.id);
    if (key == "view_id") members.Text(key, member, &job.view);
    if (key == "path") members.Text(key, member, &job.path);
    if (key == "status") members.Text(key, member, &job.status);
    if (key == "error" && !member.is_null()) members.Text(key, member, &job.error);
    if (key == "created_at") members.Seconds(key, member, &job.created_at.ns);
  }
  if (const json::Value* progress = value.Find("progress"); progress != nullptr) {
    for (const auto& [key, member] : progress->members()) {
      if (key == "completed_pipes") members.Uint(key, member, &job.ended);
      if (key == "total_pipes") members.Uint(key, member, &job.asked);
    }
  }
  if (!members.status().ok()) return members.status();
  if (job.id.empty()) return Status(Code::kInvalidArgument, "job_id is missing");
  return job;
}

std::string DetailOf(const json::Value& value) {
  const json::Value* detail = value.Find("detail");
  if (detail == nullptr) return "";
  if (const Result<std::string_view> text = detail->AsString(); text.ok())
    return std::string(*text);
  std::string all;
  for (const json::Value& item : detail->items()) {
    const Result<std::string_view> message = item.GetString("msg");
    if (!message.ok()) continue;
    if (!all.empty()) all += "; ";
    all += *message;
  }
  return all;
}

}  // namespace fustor::client
