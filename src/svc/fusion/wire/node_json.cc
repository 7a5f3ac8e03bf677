#include "svc/fusion/wire/node_json.h"

#include <array>
#include <charconv>
#include <cstring>

#include "base/base64.h"
#include "base/json_writer.h"
#include "base/path.h"

namespace fustor::fusion {
namespace {

// Writes into a buffer that is known to be large enough.
struct Pen {
  char* at;

  template <std::size_t N>
  void Literal(const char (&text)[N]) {
    std::memcpy(at, text, N - 1);
    at += N - 1;
  }
  template <class T>
  void Number(T n) {
    at = std::to_chars(at, at + 24, n).ptr;
  }
  void Bool(bool b) { b ? Literal("true") : Literal("false"); }
  void Seconds(std::int64_t ns) {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    std::uint64_t magnitude = static_cast<std::uint64_t>(ns);
    if (ns < 0) {
      *at++ = '-';
      magnitude = 0 - magnitude;
    }
    Number(magnitude / kSecond);
    *at++ = '.';
    std::uint64_t part = magnitude % kSecond;
    if (part == 0) {
      *at++ = '0';
      return;
    }
    // Two digits at a time, and none waits for the one before it.
    const auto high = static_cast<std::uint32_t>(part / 10'000);  // Five digits.
    const auto low = static_cast<std::uint32_t>(part % 10'000);
    at[0] = static_cast<char>('0' + high / 10'000);
    Pair(at + 1, high / 100 % 100);
    Pair(at + 3, high % 100);
    Pair(at + 5, low / 100);
    Pair(at + 7, low % 100);
    at += 9;
    while (at[-1] == '0') --at;
  }
  static void Pair(char* to, std::uint32_t n) { std::memcpy(to, kDigits.data() + 2 * n, 2); }

  // "00", "01" ... "99".
  static constexpr std::array<char, 200> kDigits = [] {
    std::array<char, 200> digits{};
    for (std::size_t n = 0; n < 100; ++n) {
      digits[2 * n] = static_cast<char>('0' + n / 10);
      digits[2 * n + 1] = static_cast<char>('0' + n % 10);
    }
    return digits;
  }();
};

// Printable ASCII without '"' and '\': the same bytes in JSON.
bool IsPlain(std::string_view text) {
  unsigned odd = 0;
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    odd |= static_cast<unsigned>(b < 0x20) | static_cast<unsigned>(b >= 0x7F) |
           static_cast<unsigned>(b == '"') | static_cast<unsigned>(b == '\\');
  }
  return odd == 0;
}

void AppendQuoted(std::string_view bytes, std::string* out) {
  *out += '"';
  AppendJsonEscaped(out, bytes);
  *out += '"';
}

void AppendTextOrNull(std::string_view text, std::string* out) {
  if (text.empty()) {
    *out += "null";
  } else {
    AppendQuoted(text, out);
  }
}

void AppendBase64(std::string_view key, std::string_view bytes, std::string* out) {
  *out += ",\"";
  *out += key;
  *out += "\":\"";
  *out += Base64Encode(bytes);
  *out += '"';
}

}  // namespace

NodeJson::NodeJson(Options options, std::shared_ptr<const ViewStatus> status)
    : options_(options), status_(std::move(status)) {
  reporters_.reserve(status_->reporters.size());
  for (const ViewStatus::Reporter& reporter : status_->reporters) {
    std::string& text = reporters_.emplace_back(",\"last_agent_id\":");
    AppendTextOrNull(reporter.agent_id, &text);
    text += ",\"source_uri\":";
    AppendTextOrNull(reporter.source_uri, &text);
  }
}

NodeJson::Parent NodeJson::MakeParent(std::string_view directory) {
  Parent parent;
  parent.path = directory;
  if (!parent.path.ends_with('/')) parent.path += '/';
  AppendJsonEscaped(&parent.escaped, parent.path);
  parent.utf8 = IsUtf8(parent.path);
  return parent;
}

void NodeJson::AppendKey(std::string_view name, std::string* out) const {
  if (!options_.keyed) return;
  *out += '"';
  AppendJsonEscaped(out, name);
  *out += "\":";
}

void NodeJson::AppendOpen(const Parent& parent, std::string_view name, const tree::Entry& entry,
                          const tree::Snapshot& snapshot, std::string* out) const {
  AppendOpen(parent, name, entry, out);
  if (!options_.totals || options_.only_path || !entry.attrs.is_directory()) return;
  if (const std::uint32_t listed_s = snapshot.ListedAt(entry.dir); listed_s != 0) {
    *out += ",\"listed_at\":" + std::to_string(listed_s);
  }
  *out += ",\"totals\":";
  AppendTotals(snapshot.AggregatesOf(entry.dir), out);
}

void NodeJson::AppendOpen(const Parent& parent, std::string_view name, const tree::Entry& entry,
                          std::string* out) const {
  bool utf8 = parent.utf8;
  *out += "{\"name\":\"";
  const std::size_t from = out->size();
  if (IsPlain(name)) {
    *out += name;
  } else {
    AppendJsonEscaped(out, name);
    utf8 = utf8 && IsUtf8(name);
  }
  const std::size_t escaped_size = out->size() - from;
  *out += "\",\"path\":\"";
  *out += parent.escaped;
  // A copy of what was just written; reserved first, because it reads from the string it grows.
  out->reserve(out->size() + escaped_size);
  out->append(*out, from, escaped_size);
  *out += '"';
  if (!utf8) AppendBase64("path_b64", parent.path + std::string(name), out);
  *out +=
      entry.attrs.is_directory() ? ",\"content_type\":\"directory\"" : ",\"content_type\":\"file\"";
  if (options_.only_path) return;
  AppendAttributes(entry, out);

  const bool uncertain =
      (entry.flags & tree::kUncertain) != 0 ||
      (!status_->uncertain.empty() && IsUncertain(parent.path + std::string(name)));
  if (uncertain) *out += ",\"uncertain\":true";
  if (!status_->audit_only.empty() && IsAuditOnly(parent.path + std::string(name))) {
    *out += ",\"audit_only\":true";
  }
}

void NodeJson::Append(std::string_view path, const tree::Entry& entry,
                      const tree::Snapshot& snapshot, std::string* out) const {
  const auto [directory, name] = SplitPath(path);
  AppendOpen(MakeParent(directory.empty() ? "/" : directory), name, entry, snapshot, out);
  *out += '}';
}

bool NodeJson::IsUncertain(std::string_view path) const {
  for (const Arbiter::Uncertain& uncertain : status_->uncertain) {
    if (IsWithin(path, uncertain.path)) return true;
  }
  return false;
}

bool NodeJson::IsAuditOnly(std::string_view path) const {
  return std::ranges::any_of(status_->audit_only,
                             [&](const std::string& subtree) { return IsWithin(path, subtree); });
}

void NodeJson::AppendReporter(std::uint16_t reporter, std::string* out) const {
  if (reporter < reporters_.size()) {
    *out += reporters_[reporter];
  } else {
    *out += ",\"last_agent_id\":null,\"source_uri\":null";
  }
}

void NodeJson::AppendAttributes(const tree::Entry& entry, std::string* out) const {
  const EntryAttrs& a = entry.attrs;
  char buffer[768];
  Pen pen{buffer};
  pen.Literal(",\"size\":");
  pen.Number(a.size_bytes);
  pen.Literal(",\"modified_time\":");
  pen.Seconds(a.mtime_ns);
  pen.Literal(",\"created_time\":");
  const char* const ctime = pen.at;
  pen.Seconds(a.ctime_ns);
  const std::size_t ctime_size = static_cast<std::size_t>(pen.at - ctime);
  pen.Literal(",\"integrity_suspect\":");
  pen.Bool((entry.flags & tree::kSuspect) != 0);
  if (a.is_directory()) {
    pen.Literal(",\"audit_skipped\":");
    pen.Bool((entry.flags & tree::kAuditSkipped) != 0);
  }
  out->append(buffer, static_cast<std::size_t>(pen.at - buffer));
  AppendReporter(entry.reporter, out);

  char ctime_text[32];
  std::memcpy(ctime_text, ctime, ctime_size);
  pen.at = buffer;
  pen.Literal(",\"agent_missing\":");
  pen.Bool((entry.flags & tree::kKnownByAgent) == 0);
  pen.Literal(",\"modified_time_ns\":");
  pen.Number(a.mtime_ns);
  pen.Literal(",\"changed_time\":");
  std::memcpy(pen.at, ctime_text, ctime_size);
  pen.at += ctime_size;
  pen.Literal(",\"accessed_time\":");
  pen.Seconds(a.atime_ns);
  pen.Literal(",\"mode\":");
  pen.Number(a.mode);
  pen.Literal(",\"uid\":");
  pen.Number(a.uid);
  pen.Literal(",\"gid\":");
  pen.Number(a.gid);
  pen.Literal(",\"inode\":");
  pen.Number(a.inode);
  pen.Literal(",\"nlink\":");
  pen.Number(a.nlink);
  pen.Literal(",\"allocated_size\":");
  pen.Number(a.allocated_bytes);
  out->append(buffer, static_cast<std::size_t>(pen.at - buffer));
  if (a.kind == EntryKind::kSymlink) {
    *out += ",\"symlink_target\":";
    AppendQuoted(entry.target, out);
    if (!IsUtf8(entry.target)) AppendBase64("symlink_target_b64", entry.target, out);
    *out += ",\"kind\":\"symlink\"";
  } else if (a.kind == EntryKind::kOther) {
    *out += ",\"kind\":\"other\"";
  }
}

void AppendJsonSeconds(std::string* out, std::int64_t ns) {
  char buffer[32];
  Pen pen{buffer};
  pen.Seconds(ns);
  out->append(buffer, static_cast<std::size_t>(pen.at - buffer));
}

void AppendTotals(const tree::Aggregates& totals, std::string* out) {
  char buffer[320];
  Pen pen{buffer};
  pen.Literal("{\"file_count\":");
  pen.Number(totals.files);
  pen.Literal(",\"dir_count\":");
  pen.Number(totals.directories);
  pen.Literal(",\"total_size\":");
  pen.Number(totals.bytes);
  pen.Literal(",\"allocated_size\":");
  pen.Number(totals.allocated_bytes);
  pen.Literal(",\"latest_mtime\":");
  pen.Seconds(totals.latest_mtime_ns);
  pen.Literal(",\"latest_mtime_ns\":");
  pen.Number(totals.latest_mtime_ns);
  pen.Literal("}");
  out->append(buffer, static_cast<std::size_t>(pen.at - buffer));
}

}  // namespace fustor::fusion
