// Paths: from names to directories and back.
#include "base/path.h"
#include "lib/tree/writer.h"

namespace fustor::tree {

bool Writer::StartFromCache(std::string_view path, DirId* dir, std::string_view* rest) const {
  *dir = kRoot;
  *rest = path;
  if (last_dir_.value == 0) return false;
  if (path == last_path_) {
    *dir = last_dir_;
    return true;
  }
  const auto [parent, name] = SplitPath(path);
  if (!name.empty() && parent == last_parent_path_) {
    *dir = last_parent_;
    *rest = name;
  }
  return false;
}

void Writer::RememberPath(std::string_view path, DirId dir) {
  if (dir == kRoot) return;
  last_path_ = path;
  last_dir_ = dir;
  last_parent_path_ = SplitPath(path).first;
  last_parent_ = ParentOf(dir);
}

void Writer::ForgetPaths() {
  last_dir_ = DirId{};
  told_dir_ = DirId{};
}

DirId Writer::ChildDirectory(DirId dir, std::string_view name) const {
  const Position at = Locate(dir, name);
  if (!at.found) return DirId{};
  const ChunkRef ref = ChildrenOf(dir).at(at.chunk);
  if (ref.open != nullptr) return ref.open->values(at.row).dir;
  return ref.packed->has_directories != 0 ? ChunkView(*ref.packed).dir(at.row) : DirId{};
}

bool Writer::IsAt(DirId dir, std::string_view path) const {
  if (!table_.IsLive(dir)) return false;
  for (; dir != kRoot; dir = ParentOf(dir)) {
    const auto [parent, name] = SplitPath(path);
    if (name.empty() || NameOf(dir) != name) return false;
    path = parent;
  }
  return path == "/";
}

std::optional<DirId> Writer::FindDirectory(std::string_view path) {
  DirId dir;
  std::string_view rest;
  if (StartFromCache(path, &dir, &rest)) return dir;
  const std::uint64_t hash = PathGuesses::Hash(path);
  if (const DirId guess = guesses_.Guess(hash); guess.value != 0 && IsAt(guess, path)) {
    RememberPath(path, guess);
    return guess;
  }
  for (auto name = NextComponent(&rest); !name.empty(); name = NextComponent(&rest)) {
    dir = ChildDirectory(dir, name);
    if (dir.value == 0) return std::nullopt;
  }
  guesses_.Note(hash, dir, table_.limit());
  RememberPath(path, dir);
  return dir;
}

DirId Writer::EnsureDirectory(std::string_view path) {
  DirId dir;
  std::string_view rest;
  if (StartFromCache(path, &dir, &rest)) return dir;
  for (auto name = NextComponent(&rest); !name.empty(); name = NextComponent(&rest)) {
    const DirId child = ChildDirectory(dir, name);
    dir = child.value != 0 ? child : PutRow(dir, name, ImpliedDirectory());
  }
  RememberPath(path, dir);
  return dir;
}

std::string Writer::PathOf(DirId dir) const {
  FUSTOR_CHECK(table_.IsLive(dir) && dir != kAboveRoot);
  std::vector<std::string_view> names;
  for (DirId d = dir; d != kRoot; d = ParentOf(d)) names.push_back(NameOf(d));
  if (names.empty()) return "/";
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) (path += '/') += *name;
  return path;
}

// Each call moves what was foreseen earlier one step on: what a step reads, the step before it has
// had fetched some calls ago.
void Writer::Foresee(std::string_view path) {
  const auto before = [this](std::uint32_t steps) -> Foreseen& {
    return foreseen_[(foreseen_count_ - steps * kForeseeStep) % foreseen_.size()];
  };
  before(0) = {PathGuesses::Hash(SplitPath(path).first), DirId{}};
  guesses_.Prefetch(before(0).hash);
  Foreseen& guessed = before(1);
  guessed.dir = guesses_.Guess(guessed.hash);
  if (guessed.dir.value != 0) __builtin_prefetch(&table_.slot(guessed.dir));
  FetchDirectory(before(2).dir);
  FetchChunkList(before(3).dir);
  if (const Chunk* const chunk = FirstChunk(before(4).dir)) __builtin_prefetch(chunk);
  if (const Chunk* const chunk = FirstChunk(before(5).dir)) chunk->Prefetch();
  ++foreseen_count_;
}

void Writer::FetchDirectory(DirId dir) const {
  if (dir.value == 0) return;
  const DirTable::Slot& slot = table_.slot(dir);
  const void* const what = slot.open_dir != 0
                               ? static_cast<const void*>(open_dirs_[slot.open_dir - 1].get())
                               : slot.dir.load(std::memory_order_relaxed);
  if (what == nullptr) return;
  __builtin_prefetch(what);
  __builtin_prefetch(static_cast<const char*>(what) + 64);
}

void Writer::FetchChunkList(DirId dir) const {
  if (dir.value == 0) return;
  const DirTable::Slot& slot = table_.slot(dir);
  const DirVersion* const head = slot.dir.load(std::memory_order_relaxed);
  if (slot.open_dir != 0) {
    __builtin_prefetch(open_dirs_[slot.open_dir - 1]->chunks.data());
  } else if (head != nullptr && head->shape == DirVersion::Shape::kList) {
    __builtin_prefetch(head->list);
  }
}

// It stands for all: most directories have one. The directory may be gone since it was guessed;
// then its last version may still wait for a reader while the chunks, which are younger than what
// that reader sees, are freed.
const Chunk* Writer::FirstChunk(DirId dir) const {
  if (dir.value == 0 || !table_.IsLive(dir)) return nullptr;
  const Children children = ChildrenOf(dir);
  return children.size() == 0 ? nullptr : children.at(0).packed;
}

}  // namespace fustor::tree
