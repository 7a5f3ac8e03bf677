#include <algorithm>
#include <utility>

#include "base/crc32c.h"
#include "lib/checkpoint/checkpoint.h"
#include "lib/checkpoint/format.h"
#include "lib/tree/chunk.h"

namespace fustor::checkpoint {

// Begins anew in each frame, so that a frame can be read alone.
struct Encoder::Last {
  std::string name;
  std::uint64_t inode = 0, mtime = 0, device = 0, listed = 0;
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::uint16_t reporter = 0;
  std::uint8_t flags = 0;

  void PutRow(std::string_view of, const tree::Entry& entry, std::uint32_t listed_s,
              std::string* out);
  std::uint64_t MaskFor(const tree::Entry& entry, std::uint32_t listed_s) const;
};

std::uint64_t Encoder::Last::MaskFor(const tree::Entry& entry, std::uint32_t listed_s) const {
  const EntryAttrs& a = entry.attrs;
  std::uint64_t mask = kIsRow | std::uint64_t{static_cast<std::uint8_t>(a.kind)} << kKindShift;
  const auto say = [&mask](bool differs, Mask bit) { mask |= differs ? bit : 0; };
  say(entry.flags != flags, kHasFlags);
  say(a.mode != mode, kHasMode);
  say(a.uid != uid || a.gid != gid, kHasOwner);
  say(a.nlink != 1, kHasNlink);
  say(a.device != device, kHasDevice);
  say(entry.reporter != reporter, kHasReporter);
  say(a.ctime_ns != a.mtime_ns, kHasCtime);
  say(a.atime_ns != a.mtime_ns, kHasAtime);
  say(Bits(a.allocated_bytes) != tree::ExpectedBlocks(Bits(a.size_bytes)), kHasBlocks);
  say(!entry.target.empty(), kHasTarget);
  say(listed_s != 0, kHasListed);
  return mask;
}

void Encoder::Last::PutRow(std::string_view of, const tree::Entry& entry, std::uint32_t listed_s,
                           std::string* out) {
  const EntryAttrs& a = entry.attrs;
  const std::uint64_t mask = MaskFor(entry, listed_s);
  PutVarint(mask, out);
  const auto shared = static_cast<std::size_t>(std::ranges::mismatch(name, of).in1 - name.begin());
  PutVarint(shared, out);
  PutText(of.substr(shared), out);
  name.assign(of);
  PutDelta(a.inode, &inode, out);
  PutVarint(ZigZag(Bits(a.size_bytes)), out);
  PutDelta(Bits(a.mtime_ns), &mtime, out);
  if ((mask & kHasFlags) != 0) out->push_back(static_cast<char>(flags = entry.flags));
  if ((mask & kHasMode) != 0) PutVarint(mode = a.mode, out);
  if ((mask & kHasOwner) != 0) {
    PutVarint(uid = a.uid, out);
    PutVarint(gid = a.gid, out);
  }
  if ((mask & kHasNlink) != 0) PutVarint(a.nlink, out);
  if ((mask & kHasDevice) != 0) PutVarint(device = a.device, out);
  if ((mask & kHasReporter) != 0) PutVarint(reporter = entry.reporter, out);
  if ((mask & kHasCtime) != 0) PutVarint(ZigZag(Bits(a.ctime_ns) - Bits(a.mtime_ns)), out);
  if ((mask & kHasAtime) != 0) PutVarint(ZigZag(Bits(a.atime_ns) - Bits(a.mtime_ns)), out);
  if ((mask & kHasBlocks) != 0) {
    PutVarint(ZigZag(Bits(a.allocated_bytes) - tree::ExpectedBlocks(Bits(a.size_bytes))), out);
  }
  if ((mask & kHasTarget) != 0) PutText(entry.target, out);
  if ((mask & kHasListed) != 0) PutDelta(listed_s, &listed, out);
}

Encoder::Encoder(Header header, tree::Snapshot snapshot)
    : header_(std::move(header)), snapshot_(std::move(snapshot)) {
  const tree::Aggregates all = snapshot_.AggregatesOf(tree::kRoot);
  header_.entries = all.files + all.directories;
  header_.revision = snapshot_.revision();
  levels_.push_back({tree::kRoot, "", 0, false});
}

void Encoder::Frame(char type, std::string_view payload, std::string* out) {
  crc_ = Crc32c(payload, Crc32c({&type, 1}, crc_));
  PutU32(static_cast<std::uint32_t>(payload.size()), out);
  PutU32(crc_, out);
  out->push_back(type);
  out->append(payload);
}

std::string Encoder::HeaderPayload() const {
  std::string payload;
  PutText(header_.view_id, &payload);
  PutText(header_.source, &payload);
  PutVarint(header_.revision, &payload);
  PutVarint(ZigZag(Bits(header_.written_at.ns)), &payload);
  PutVarint(ZigZag(Bits(header_.fresh_until.ns)), &payload);
  PutVarint(header_.entries, &payload);
  PutVarint(header_.reporters.size(), &payload);
  for (const Header::Reporter& reporter : header_.reporters) {
    PutText(reporter.agent_id, &payload);
    PutText(reporter.source_uri, &payload);
  }
  // The root has no name; its row is made of one all the same, which says nothing.
  Last last;
  last.PutRow("", snapshot_.Root(), snapshot_.ListedAt(tree::kRoot), &payload);
  return payload;
}

void Encoder::ListLevel(Last* last, std::string* payload) {
  Level& level = levels_.back();
  const bool all =
      snapshot_.ForEachChild(level.dir, level.after, [&](const tree::Snapshot::Row& row) {
        const tree::Entry entry = row.Load();
        const bool directory = entry.attrs.is_directory();
        last->PutRow(row.name(), entry, directory ? snapshot_.ListedAt(entry.dir) : 0, payload);
        level.directories += directory ? 1 : 0;
        level.after.assign(row.name());
        ++entries_;
        return payload->size() < kFrameBytes;
      });
  if (!all) return;
  level.listed = true;
  level.after.clear();
}

// Goes into the next directory that is not empty, or up.
void Encoder::Descend(std::string* payload) {
  Level& level = levels_.back();
  tree::DirId next;
  if (level.directories > 0) {
    snapshot_.ForEachChild(level.dir, level.after, [&](const tree::Snapshot::Row& row) {
      if (row.kind() != EntryKind::kDirectory) return true;
      --level.directories;
      level.after.assign(row.name());
      if (snapshot_.ChildCount(row.dir()) == 0) return true;
      next = row.dir();
      return false;
    });
  }
  if (next == tree::DirId{}) {
    levels_.pop_back();
    return;
  }
  PutVarint(0, payload);
  PutVarint(levels_.size(), payload);
  PutText(level.after, payload);
  levels_.push_back({next, "", 0, false});
}

void Encoder::WriteRows(std::string* payload) {
  Last last;
  while (!levels_.empty() && payload->size() < kFrameBytes) {
    if (levels_.back().listed) {
      Descend(payload);
    } else {
      ListLevel(&last, payload);
    }
  }
}

Result<bool> Encoder::Next(std::string* out) {
  std::string payload;
  if (!begun_) {
    begun_ = true;
    std::string head(kMagic);
    PutU32(kVersion, &head);
    PutU32(crc_ = Crc32c(head), &head);
    *out += head;
    entries_ = 1;
    payload = HeaderPayload();
    if (payload.size() > kFrameBytesMax) {
      return Status(Code::kResourceExhausted, "too many agents have reported to name them all");
    }
    Frame(kHeaderFrame, payload, out);
    return true;
  }
  if (!levels_.empty()) {
    WriteRows(&payload);
    if (!payload.empty()) Frame(kRowsFrame, payload, out);
    return true;
  }
  PutVarint(entries_, &payload);
  Frame(kFooterFrame, payload, out);
  return false;
}

}  // namespace fustor::checkpoint
