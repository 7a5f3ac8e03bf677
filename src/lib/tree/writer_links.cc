// Entries that turn out to be links of an inode that the tree knows.
#include "lib/tree/writer.h"

namespace fustor::tree {
namespace {

constexpr std::uint64_t kFilterBits = 1 << 16;  // Inodes are mostly dense: their low bits differ.

}  // namespace

bool Writer::GetLink(const EntryAttrs& attrs, Entry* entry) const {
  return LinkKey::IsLink(attrs) && FindLink(LinkKey::Of(attrs), entry);
}

std::optional<std::pair<DirId, std::string>> Writer::FindLink(const EntryAttrs& attrs) const {
  if (!LinkKey::IsLink(attrs) || !links_.Contains(LinkKey::Of(attrs))) return std::nullopt;
  LinkTable::Link link = links_.First(LinkKey::Of(attrs));
  return std::pair(link.dir, std::move(link.name));
}

bool Writer::FindLink(const LinkKey& key, Entry* entry) const {
  if (!links_.Contains(key)) return false;
  const LinkTable::Link link = links_.First(key);
  return Get(link.dir, link.name, entry);
}

void Writer::WantLinks(const EntryAttrs& attrs) {
  if (!LinkKey::IsLink(attrs)) return;
  const LinkKey key = LinkKey::Of(attrs);
  if (links_.Count(key) < attrs.nlink) wanted_links_.insert(key);
}

void Writer::BeginLinkSearch() {
  search_.keys = std::move(wanted_links_);
  wanted_links_.clear();
  std::erase_if(search_.keys, [this](const LinkKey& key) { return !links_.Contains(key); });
  search_.filter.assign(kFilterBits / 64, 0);
  for (const LinkKey& key : search_.keys) {
    search_.filter[key.inode % kFilterBits / 64] |= std::uint64_t{1} << (key.inode % 64);
  }
  search_.next_dir = kRoot.value;
}

std::uint64_t Writer::SeekLinks(std::uint64_t rows_max) {
  if (search_.keys.empty()) BeginLinkSearch();
  if (search_.keys.empty()) return 0;
  std::vector<std::pair<DirId, std::string>> found;
  std::uint64_t rows = 0;
  while (rows < rows_max && search_.next_dir < table_.limit()) {
    const DirId dir{search_.next_dir++};
    if (table_.IsLive(dir)) rows += 1 + FindUnknownLinks(dir, &found);
  }
  if (search_.next_dir >= table_.limit()) search_ = LinkSearch{};
  std::uint64_t adopted = 0;
  for (const auto& [dir, name] : found) adopted += AdoptLink(dir, name) ? 1 : 0;
  return adopted;
}

std::uint64_t Writer::FindUnknownLinks(DirId dir,
                                       std::vector<std::pair<DirId, std::string>>* found) {
  const auto may_be = [this](std::uint64_t inode) {
    return (search_.filter[inode % kFilterBits / 64] >> (inode % 64) & 1) != 0;
  };
  const auto is = [this](const EntryAttrs& attrs) {
    return !attrs.is_directory() && !LinkKey::IsLink(attrs) &&
           search_.keys.contains(LinkKey::Of(attrs));
  };
  std::uint64_t rows = 0;
  const Children children = ChildrenOf(dir);
  for (std::size_t i = 0; i < children.size(); ++i) {
    const ChunkRef ref = children.at(i);
    rows += ref.rows();
    if (ref.open != nullptr) {
      for (std::uint32_t row = 0; row < ref.open->size(); ++row) {
        const EntryAttrs& attrs = ref.open->values(row).attrs;
        if (may_be(attrs.inode) && is(attrs)) found->emplace_back(dir, ref.open->name(row));
      }
      continue;
    }
    const ChunkView view(*ref.packed);
    for (std::uint32_t row = 0; row < ref.packed->rows; ++row) {
      if (!may_be(view.Value(kInodes, row)) || !is(view.Load(row).attrs)) continue;
      std::string name(view.names().prefix());
      found->emplace_back(dir, name.append(view.names().rest(row)));
    }
  }
  return rows;
}

bool Writer::AdoptLink(DirId dir, const std::string& name) {
  Entry entry;
  Entry link;
  FUSTOR_CHECK(Get(dir, name, &entry));
  if (!FindLink(LinkKey::Of(entry.attrs), &link)) return false;  // It has gone again.
  if (link.attrs.ctime_ns < entry.attrs.ctime_ns) return false;  // It is single again.
  entry.attrs = link.attrs;
  entry.target = link.target;
  Put(dir, name, entry);
  return true;
}

}  // namespace fustor::tree
