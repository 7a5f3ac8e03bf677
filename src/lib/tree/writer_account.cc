#include "lib/tree/writer.h"

namespace fustor::tree {
namespace {

std::uint64_t Bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }

Sums BytesOnly(std::uint64_t bytes, std::uint64_t allocated_bytes) {
  Sums sums;
  sums.bytes = bytes;
  sums.allocated_bytes = allocated_bytes;
  return sums;
}

Sums Difference(const EntryAttrs& before, const EntryAttrs& after) {
  return BytesOnly(Bits(after.size_bytes) - Bits(before.size_bytes),
                   Bits(after.allocated_bytes) - Bits(before.allocated_bytes));
}

}  // namespace

void Writer::AccountDirectory(DirId dir, const EntryAttrs& attrs) {
  Sums self = BytesOnly(0, Bits(attrs.allocated_bytes));
  self.directories = 1;
  AddTo(dir, self);
  Raise(dir, attrs.mtime_ns);
}

void Writer::ReaccountDirectory(DirId dir, const EntryAttrs& before, const EntryAttrs& after) {
  if (before.allocated_bytes != after.allocated_bytes) {
    AddTo(dir, BytesOnly(0, Bits(after.allocated_bytes) - Bits(before.allocated_bytes)));
  }
  if (before.mtime_ns == after.mtime_ns) return;
  Lower(dir, before.mtime_ns);
  Raise(dir, after.mtime_ns);
}

void Writer::Account(DirId dir, std::string_view name, const RowValues& values,
                     std::string_view target) {
  const EntryAttrs& attrs = values.attrs;
  const LinkKey key = LinkKey::Of(attrs);
  const bool is_link = LinkKey::IsLink(attrs);
  if (is_link && links_.Contains(key)) {
    const LinkTable::Link other = links_.First(key);
    const FoundRow row = Read(other.dir, Locate(other.dir, other.name));
    if (row.values.attrs != attrs || row.target != target) {
      RefreshLinks(row.values.attrs, attrs, target, DirId{}, {});
    }
  }
  Sums delta;
  if (!is_link) delta = BytesOnly(Bits(attrs.size_bytes), Bits(attrs.allocated_bytes));
  delta.files = 1;
  delta.links = is_link ? 1 : 0;
  AddTo(dir, delta);
  Raise(dir, attrs.mtime_ns);
  if (!is_link) return;
  CountLink({key, dir, std::string(name), Bits(attrs.size_bytes), Bits(attrs.allocated_bytes)});
}

void Writer::Unaccount(DirId dir, std::string_view name, const EntryAttrs& attrs) {
  const bool is_link = LinkKey::IsLink(attrs);
  Sums delta;
  if (is_link) {
    UncountLink({LinkKey::Of(attrs), dir, std::string(name), Bits(attrs.size_bytes),
                 Bits(attrs.allocated_bytes)});
  } else {
    delta = BytesOnly(Bits(attrs.size_bytes), Bits(attrs.allocated_bytes));
  }
  delta.files = 1;
  delta.links = is_link ? 1 : 0;
  SubtractFrom(dir, delta);
  Lower(dir, attrs.mtime_ns);
}

void Writer::Reaccount(DirId dir, std::string_view name, const EntryAttrs& before,
                       std::string_view target_before, const RowValues& after,
                       std::string_view target) {
  const bool was_link = LinkKey::IsLink(before);
  const bool is_link = LinkKey::IsLink(after.attrs);
  const bool same =
      was_link == is_link && (!is_link || LinkKey::Of(before) == LinkKey::Of(after.attrs));
  if (!same) {
    Unaccount(dir, name, before);
    Account(dir, name, after, target);
    return;
  }
  if (is_link) {
    if (before != after.attrs || target_before != target) {
      RefreshLinks(before, after.attrs, target, dir, name);
    }
  } else if (before.size_bytes != after.attrs.size_bytes ||
             before.allocated_bytes != after.attrs.allocated_bytes) {
    AddTo(dir, Difference(before, after.attrs));
  }
  if (before.mtime_ns == after.attrs.mtime_ns) return;
  Lower(dir, before.mtime_ns);
  Raise(dir, after.attrs.mtime_ns);
}

void Writer::CountLink(const CountedLink& link) {
  const DirId stop = links_.Add(link.key, link.dir, link.name);
  if (stop == link.dir) return;
  const Sums delta = BytesOnly(link.bytes, link.allocated_bytes);
  AddTo(link.dir, delta);
  if (stop != kAboveRoot) SubtractFrom(stop, delta);
}

void Writer::UncountLink(const CountedLink& link) {
  const DirId stop = links_.Remove(link.key, link.dir, link.name);
  if (stop == link.dir) return;
  const Sums delta = BytesOnly(link.bytes, link.allocated_bytes);
  SubtractFrom(link.dir, delta);
  if (stop != kAboveRoot) AddTo(stop, delta);
}

void Writer::RefreshLinks(const EntryAttrs& before, const EntryAttrs& after,
                          std::string_view target, DirId except_dir, std::string_view except_name) {
  const LinkKey key = LinkKey::Of(before);
  const Sums delta = Difference(before, after);
  if (delta.bytes != 0 || delta.allocated_bytes != 0) {
    links_.ForEachBranch(key, [&](DirId dir, DirId stop) {
      if (stop == dir) return;
      AddTo(dir, delta);
      if (stop != kAboveRoot) SubtractFrom(stop, delta);
    });
  }
  for (const LinkTable::Link& link : links_.All(key)) {
    if (link.dir == except_dir && link.name == except_name) continue;
    const Position at = Locate(link.dir, link.name);
    const FoundRow row = Read(link.dir, at);
    RowValues values = row.values;
    values.attrs = after;
    if (observer_ != nullptr) TellUpdate(link.dir, link.name, row, values, target);
    UpdateRow(link.dir, at, values, target);
    if (before.mtime_ns == after.mtime_ns) continue;
    Lower(link.dir, before.mtime_ns);
    Raise(link.dir, after.mtime_ns);
  }
}

std::vector<Writer::CountedLink> Writer::LinksBelow(DirId top) const {
  std::vector<CountedLink> found;
  std::vector<DirId> stack;
  const auto note = [&found](DirId dir, std::string name, const EntryAttrs& attrs) {
    if (!LinkKey::IsLink(attrs)) return;
    found.push_back({LinkKey::Of(attrs), dir, std::move(name), Bits(attrs.size_bytes),
                     Bits(attrs.allocated_bytes)});
  };
  if (SumsNow(top).links > 0) stack.push_back(top);
  while (!stack.empty()) {
    const DirId dir = stack.back();
    stack.pop_back();
    const Children children = ChildrenOf(dir);
    for (std::size_t i = 0; i < children.size(); ++i) {
      const ChunkRef ref = children.at(i);
      if (ref.open != nullptr) {
        for (std::uint32_t row = 0; row < ref.open->size(); ++row) {
          note(dir, std::string(ref.open->name(row)), ref.open->values(row).attrs);
        }
        continue;
      }
      const ChunkView view(*ref.packed);
      if (view.IsConstant(kNlinks) && view.Value(kNlinks, 0) <= 1) continue;
      for (std::uint32_t row = 0; row < ref.packed->rows; ++row) {
        std::string name(view.names().prefix());
        note(dir, std::move(name.append(view.names().rest(row))), view.Load(row).attrs);
      }
    }
    ForEachSubdirectory(dir, [&](DirId child) {
      if (SumsNow(child).links > 0) stack.push_back(child);
    });
  }
  return found;
}

}  // namespace fustor::tree
