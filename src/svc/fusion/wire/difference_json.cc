#include "svc/fusion/wire/difference_json.h"

#include <algorithm>

#include "base/base64.h"
#include "base/path.h"

namespace fustor::fusion {
namespace {

// In the order of their bits.
constexpr std::string_view kAspects[] = {"kind", "content", "permissions", "attributes"};
constexpr std::string_view kKinds[] = {"file", "directory", "symlink", "other"};
constexpr std::string_view kChanges[] = {"added", "removed", "changed"};

void WriteBytes(std::string_view key, std::string_view bytes, JsonWriter* json) {
  json->Key(key).String(bytes);
  if (!IsUtf8(bytes)) json->Key(std::string(key) + "_b64").String(Base64Encode(bytes));
}

void WriteSide(std::string_view key, const tree::Entry* entry, const tree::Aggregates& sums,
               JsonWriter* json) {
  json->Key(key);
  if (entry == nullptr) {
    json->Null();
    return;
  }
  const EntryAttrs& a = entry->attrs;
  json->BeginObject().Key("type").String(kKinds[static_cast<std::size_t>(a.kind)]);
  json->Key("size").Int(a.size_bytes).Key("allocated_size").Int(a.allocated_bytes);
  json->Key("modified_time_ns").Int(a.mtime_ns).Key("mode").Uint(a.mode);
  json->Key("uid").Uint(a.uid).Key("gid").Uint(a.gid);
  json->Key("inode").Uint(a.inode).Key("nlink").Uint(a.nlink);
  if (a.kind == EntryKind::kSymlink) WriteBytes("symlink_target", entry->target, json);
  if (sums.files + sums.directories > 1) {
    json->Key("file_count").Uint(sums.files).Key("dir_count").Uint(sums.directories);
    json->Key("total_size").Uint(sums.bytes);
  }
  json->EndObject();
}

}  // namespace

bool ParseAspects(std::string_view text, std::uint8_t* aspects) {
  *aspects = 0;
  for (;;) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const auto it = std::ranges::find(kAspects, text.substr(0, comma));
    if (it == std::end(kAspects)) return false;
    *aspects |= static_cast<std::uint8_t>(1 << (it - std::begin(kAspects)));
    if (comma == text.size()) return true;
    text.remove_prefix(comma + 1);
  }
}

void AppendDifferenceJson(const tree::Difference& difference, std::string* out) {
  JsonWriter json(out);
  json.BeginObject().Key("change").String(kChanges[static_cast<std::size_t>(difference.kind)]);
  if (difference.kind == tree::Difference::Kind::kChanged) {
    json.Key("what").BeginArray();
    for (std::size_t i = 0; i < std::size(kAspects); ++i) {
      if ((difference.aspects >> i & 1) != 0) json.String(kAspects[i]);
    }
    json.EndArray();
  }
  WriteBytes("path", difference.path, &json);
  WriteSide("before", difference.before, difference.before_sums, &json);
  WriteSide("after", difference.after, difference.after_sums, &json);
  json.EndObject();
}

void DifferenceSums::Sums::Add(const tree::Aggregates& sums) {
  files += sums.files;
  directories += sums.directories;
  bytes += sums.bytes;
  allocated_bytes += sums.allocated_bytes;
}

void DifferenceSums::Sums::Write(JsonWriter* json) const {
  json->BeginObject().Key("file_count").Uint(files).Key("dir_count").Uint(directories);
  json->Key("total_size").Uint(bytes).Key("allocated_size").Uint(allocated_bytes).EndObject();
}

void DifferenceSums::Add(const tree::Difference& difference) {
  switch (difference.kind) {
    case tree::Difference::Kind::kAdded:
      return added_.Add(difference.after_sums);
    case tree::Difference::Kind::kRemoved:
      return removed_.Add(difference.before_sums);
    case tree::Difference::Kind::kChanged:
      break;
  }
  ++changed_;
  for (std::size_t i = 0; i < std::size(aspects_); ++i) aspects_[i] += difference.aspects >> i & 1;
  bytes_before_ += difference.before_sums.bytes;
  bytes_after_ += difference.after_sums.bytes;
}

void DifferenceSums::Write(JsonWriter* json) const {
  json->BeginObject().Key("added");
  added_.Write(json);
  json->Key("removed");
  removed_.Write(json);
  json->Key("changed").BeginObject().Key("count").Uint(changed_);
  for (std::size_t i = 0; i < std::size(aspects_); ++i) json->Key(kAspects[i]).Uint(aspects_[i]);
  json->Key("size_before").Uint(bytes_before_).Key("size_after").Uint(bytes_after_);
  json->EndObject().EndObject();
}

}  // namespace fustor::fusion
