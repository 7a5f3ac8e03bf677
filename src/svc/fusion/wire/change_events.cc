#include "svc/fusion/wire/change_events.h"

#include <algorithm>

#include "base/base64.h"
#include "base/json_writer.h"
#include "base/path.h"

namespace fustor::fusion {
namespace {

void AppendId(const FeedPosition& position, std::string* out) {
  *out += "id: ";
  *out += position.Text();
  *out += '\n';
}

void AppendWhat(std::uint8_t what, std::string* out) {
  if (what == 0) return;
  *out += ",\"changed\":[";
  const char* separator = "";
  const auto add = [&](ChangedWhat bit, const char* name) {
    if ((what & bit) == 0) return;
    *out += separator;
    *out += name;
    separator = ",";
  };
  add(kChangedContent, "\"content\"");
  add(kChangedPermissions, "\"permissions\"");
  add(kChangedAttributes, "\"attributes\"");
  add(kChangedTrust, "\"trust\"");
  *out += ']';
}

void AppendPlace(std::string_view view_id, const FeedPosition& position, JsonWriter* json) {
  json->Key("view_id").String(view_id).Key("revision").Uint(position.revision);
  json->Key("position").String(position.Text());
}

}  // namespace

ChangeFilter::ChangeFilter(std::vector<std::string> paths) : paths_(std::move(paths)) {
  if (std::ranges::find(paths_, "/") != paths_.end()) paths_.clear();
}

bool ChangeFilter::Concerns(std::string_view path, bool with_what_is_below) const {
  return std::ranges::any_of(paths_, [&](const std::string& mine) {
    return IsWithin(path, mine) || (with_what_is_below && IsWithin(mine, path));
  });
}

bool ChangeFilter::Passes(const RevisionChanges& changes, std::size_t row) const {
  if (paths_.empty()) return true;
  const ChangeKind kind = changes.row(row).kind;
  const bool whole = kind == ChangeKind::kRemoved || kind == ChangeKind::kMoved;
  if (Concerns(changes.path(row), whole)) return true;
  return kind == ChangeKind::kMoved && Concerns(changes.old_path(row), true);
}

void AppendChangeJson(const RevisionChanges& changes, std::size_t row, const NodeJson& nodes,
                      std::string* out) {
  const ChangeKind kind = changes.row(row).kind;
  *out += "{\"kind\":\"";
  *out += NameOf(kind);
  *out += "\",\"revision\":";
  *out += std::to_string(changes.revision());
  *out += ",\"time\":";
  AppendJsonSeconds(out, changes.at().ns);
  if (kind == ChangeKind::kMoved) {
    const std::string_view old_path = changes.old_path(row);
    *out += ",\"old_path\":\"";
    AppendJsonEscaped(out, old_path);
    *out += '"';
    if (!IsUtf8(old_path)) *out += ",\"old_path_b64\":\"" + Base64Encode(old_path) + '"';
  }
  AppendWhat(changes.row(row).what, out);
  *out += ",\"node\":";
  const auto [directory, name] = SplitPath(changes.path(row));
  nodes.AppendOpen(NodeJson::MakeParent(directory.empty() ? "/" : directory), name,
                   changes.EntryOf(row), out);
  *out += "}}";
}

ChangeEvents::ChangeEvents(const std::vector<std::shared_ptr<const RevisionChanges>>& revisions,
                           const ChangeFilter& filter, const NodeJson& nodes, FeedPosition position)
    : revisions_(revisions), filter_(filter), nodes_(nodes), position_(position) {}

bool ChangeEvents::Step(std::size_t bytes_max, std::string* out) {
  for (; revision_ < revisions_.size(); ++revision_, row_ = 0) {
    const RevisionChanges& changes = *revisions_[revision_];
    for (; row_ < changes.size(); ++row_) {
      if (!filter_.Passes(changes, row_)) continue;
      if (open_) *out += '\n';
      open_ = false;
      if (out->size() >= bytes_max) return true;
      *out += "event: ";
      *out += NameOf(changes.row(row_).kind);
      *out += "\ndata: ";
      AppendChangeJson(changes, row_, nodes_, out);
      *out += '\n';
      open_ = wrote_any_ = true;
    }
    if (!open_) continue;
    AppendId({changes.revision(), position_.incarnation}, out);
    *out += '\n';
    open_ = false;
  }
  return false;
}

void AppendStartEvent(std::string_view view_id, const FeedPosition& position, bool resumed,
                      std::string* out) {
  *out += "retry: 1000\nevent: start\ndata: ";
  JsonWriter json(out);
  json.BeginObject();
  AppendPlace(view_id, position, &json);
  json.Key("resumed").Bool(resumed).EndObject();
  *out += '\n';
  AppendId(position, out);
  *out += '\n';
}

void AppendResetEvent(std::string_view view_id, const FeedPosition& position,
                      std::string_view reason, std::string* out) {
  *out += "event: reset\ndata: ";
  JsonWriter json(out);
  json.BeginObject();
  AppendPlace(view_id, position, &json);
  json.Key("reason").String(reason).EndObject();
  *out += '\n';
  AppendId(position, out);
  *out += '\n';
}

void AppendHeartbeat(const FeedPosition& position, std::string* out) {
  *out += ": heartbeat\n";
  AppendId(position, out);
  *out += '\n';
}

}  // namespace fustor::fusion
