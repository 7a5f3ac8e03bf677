// CheckInvariants: recounts everything and compares.

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/path.h"
#include "lib/tree/writer.h"

namespace fustor::tree {

struct Writer::Recount {
  struct Linked {
    DirId dir;
    EntryAttrs attrs;
  };
  std::vector<DirId> order;  // Parents before children.
  std::unordered_map<DirId, Sums> sums;
  std::map<std::tuple<std::uint64_t, std::uint64_t, EntryKind>, std::vector<Linked>> links;
  std::uint64_t rows = 1;
  std::uint64_t link_rows = 0;
};

namespace {

Status Wrong(std::string_view what, const std::string& where) {
  return Status(Code::kInternal, PrintablePath(where) + ": " + std::string(what));
}

}  // namespace

Result<void> Writer::CheckRows(DirId dir, Recount* recount) const {
  std::string last;
  std::uint64_t rows = 0;
  std::string_view wrong;
  Sums& sums = recount->sums[dir];
  recount->order.push_back(dir);
  ForEachChild(dir, [&](std::string_view name, const Entry& entry) {
    if (rows++ > 0 && name <= last) wrong = "names are out of order";
    last = name;
    const EntryAttrs& attrs = entry.attrs;
    sums.latest_mtime_ns = std::max(sums.latest_mtime_ns, attrs.mtime_ns);
    if (attrs.is_directory()) {
      if (!table_.IsLive(entry.dir)) {
        wrong = "a directory has a dead number";
      } else if (ParentOf(entry.dir) != dir || NameOf(entry.dir) != name) {
        wrong = "a directory disagrees about its place";
      } else if (recount->sums.contains(entry.dir)) {
        wrong = "a directory is in two places";
      } else {
        Sums& below = recount->sums[entry.dir];
        below.directories = 1;
        below.allocated_bytes = static_cast<std::uint64_t>(attrs.allocated_bytes);
        below.latest_mtime_ns = attrs.mtime_ns;
      }
      return wrong.empty();
    }
    if (entry.dir.value != 0) wrong = "something else has the number of a directory";
    ++sums.files;
    if (LinkKey::IsLink(attrs)) {
      ++sums.links;
      ++recount->link_rows;
      recount->links[{attrs.device, attrs.inode, attrs.kind}].push_back({dir, attrs});
      if (!links_.Contains(LinkKey::Of(attrs), dir, name)) wrong = "a link is not in the table";
    } else {
      sums.bytes += static_cast<std::uint64_t>(attrs.size_bytes);
      sums.allocated_bytes += static_cast<std::uint64_t>(attrs.allocated_bytes);
    }
    return wrong.empty();
  });
  if (wrong.empty() && rows != ChildCount(dir)) wrong = "the number of children is wrong";
  recount->rows += rows;
  if (!wrong.empty()) return Wrong(wrong, JoinPath(PathOf(dir), last));
  return {};
}

Result<void> Writer::CheckLinks(const Recount& recount) {
  if (recount.link_rows != links_.links() || recount.links.size() != links_.groups()) {
    return Status(Code::kInternal, "the link table has links that are not in the tree");
  }
  for (const auto& [key, links] : recount.links) {
    for (const Recount::Linked& link : links) {
      if (link.attrs != links.front().attrs) return Wrong("links disagree", PathOf(link.dir));
    }
  }
  return {};
}

Result<void> Writer::CheckSums(Recount* recount) {
  for (const auto& [key, links] : recount->links) {
    std::unordered_set<DirId> counted;
    for (const Recount::Linked& link : links) {
      for (DirId d = link.dir; d != kAboveRoot && counted.insert(d).second; d = ParentOf(d)) {
        // Only here, not in what the directory hands on: the walk goes all the way up.
        recount->sums[d].bytes += static_cast<std::uint64_t>(link.attrs.size_bytes);
        recount->sums[d].allocated_bytes += static_cast<std::uint64_t>(link.attrs.allocated_bytes);
      }
    }
  }
  for (const DirId dir : recount->order) {
    if (recount->sums[dir] != SumsNow(dir)) {
      return Wrong("the sums differ from a recount", PathOf(dir));
    }
  }
  return {};
}

Result<void> Writer::CheckInvariants() {
  Settle(true);
  Recount recount;
  const EntryAttrs root = Read(kAboveRoot, Locate(kAboveRoot, {})).values.attrs;
  recount.sums[kRoot].directories = 1;
  recount.sums[kRoot].allocated_bytes = static_cast<std::uint64_t>(root.allocated_bytes);
  recount.sums[kRoot].latest_mtime_ns = root.mtime_ns;
  std::vector<DirId> stack = {kRoot};
  while (!stack.empty()) {
    const DirId dir = stack.back();
    stack.pop_back();
    FUSTOR_TRY(CheckRows(dir, &recount));
    ForEachSubdirectory(dir, [&stack](DirId child) { stack.push_back(child); });
  }
  // Children's sums into their parents', but for linked bytes, which are added afterwards.
  for (auto dir = recount.order.rbegin(); dir != recount.order.rend(); ++dir) {
    if (*dir == kRoot) continue;
    const Sums& from = recount.sums[*dir];
    Sums& to = recount.sums[ParentOf(*dir)];
    to.files += from.files;
    to.directories += from.directories;
    to.bytes += from.bytes;
    to.allocated_bytes += from.allocated_bytes;
    to.latest_mtime_ns = std::max(to.latest_mtime_ns, from.latest_mtime_ns);
    to.links += from.links;
  }
  FUSTOR_TRY(CheckLinks(recount));
  FUSTOR_TRY(CheckSums(&recount));
  if (recount.rows != rows_) return Status(Code::kInternal, "the number of entries is wrong");
  std::uint64_t live = 0;
  for (std::uint32_t id = kRoot.value; id < table_.limit(); ++id) live += table_.IsLive(DirId{id});
  if (live != recount.order.size()) {
    return Status(Code::kInternal, "a live directory cannot be reached");
  }
  return {};
}

}  // namespace fustor::tree
