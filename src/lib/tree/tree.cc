#include "lib/tree/tree.h"

#include "lib/tree/tree_impl.h"

namespace fustor::tree {

Tree::Tree(Options options) : impl_(std::make_unique<Impl>(options.pins_max)) {}

Tree::~Tree() {
  std::vector<Revision> pinned;
  impl_->pins().Collect(&pinned);
  FUSTOR_CHECK(pinned.empty(), "a snapshot outlives its tree");
}

std::optional<DirId> Tree::FindDirectory(std::string_view path) {
  return impl_->FindDirectory(path);
}
void Tree::Foresee(std::string_view path) { impl_->Foresee(path); }
DirId Tree::EnsureDirectory(std::string_view path) { return impl_->EnsureDirectory(path); }
bool Tree::Get(DirId dir, std::string_view name, Entry* entry) {
  return impl_->Get(dir, name, entry);
}
Entry Tree::GetRoot() {
  Entry root;
  FUSTOR_CHECK(impl_->Get(kAboveRoot, {}, &root));
  return root;
}
void Tree::PutRoot(const Entry& entry) { impl_->PutRoot(entry); }
DirId Tree::Put(DirId dir, std::string_view name, const Entry& entry) {
  return impl_->Put(dir, name, entry);
}
std::uint64_t Tree::Erase(DirId dir, std::string_view name) { return impl_->Erase(dir, name); }
Result<void> Tree::Move(DirId from, std::string_view name, DirId to, std::string_view to_name) {
  return impl_->Move(from, name, to, to_name);
}
bool Tree::GetLink(const EntryAttrs& attrs, Entry* entry) { return impl_->GetLink(attrs, entry); }
std::optional<std::pair<DirId, std::string>> Tree::FindLink(const EntryAttrs& attrs) {
  return impl_->FindLink(attrs);
}
void Tree::WantLinks(const EntryAttrs& attrs) { impl_->WantLinks(attrs); }
bool Tree::wants_links() const { return impl_->wants_links(); }
std::uint64_t Tree::SeekLinks(std::uint64_t rows_max) { return impl_->SeekLinks(rows_max); }
void Tree::ForEachChild(
    DirId dir, const std::function<bool(std::string_view name, const Entry& entry)>& visit) {
  impl_->ForEachChild(dir, visit);
}
std::uint64_t Tree::ChildCount(DirId dir) { return impl_->ChildCount(dir); }
std::string Tree::PathOf(DirId dir) { return impl_->PathOf(dir); }
Aggregates Tree::AggregatesOf(DirId dir) { return impl_->AggregatesOf(dir); }
void Tree::NoteListed(DirId dir, std::uint32_t wall_s) { impl_->NoteListed(dir, wall_s); }
Revision Tree::Publish() { return impl_->Publish(); }
void Tree::SkipTo(Revision revision) { impl_->SkipTo(revision); }
void Tree::Clear() { impl_->Clear(); }
void Tree::Observe(EditObserver* observer) { impl_->Observe(observer); }

Result<Snapshot> Tree::Pin() const {
  const std::optional<Pins::Pin> pin = impl_->pins().Take();
  if (!pin.has_value()) {
    return Status(Code::kResourceExhausted, "too many snapshots are held");
  }
  return Snapshot(impl_.get(), pin->slot, pin->revision);
}

Revision Tree::revision() const { return impl_->pins().current(); }
Tree::Memory Tree::memory() const { return impl_->memory(); }
Result<void> Tree::CheckInvariants() { return impl_->CheckInvariants(); }

}  // namespace fustor::tree
