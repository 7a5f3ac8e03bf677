#include "sim/file_system.h"

#include <cstdio>
#include <utility>

#include "base/check.h"
#include "base/path.h"

namespace fustor::sim {
namespace {

constexpr std::int64_t kBlockBytes = 4096;
constexpr std::uint32_t kModeBits = 07777;

std::uint32_t TypeBits(EntryKind kind) {
  switch (kind) {
    case EntryKind::kDirectory:
      return 0040000;
    case EntryKind::kSymlink:
      return 0120000;
    case EntryKind::kOther:
      return 0010000;  // A FIFO.
    default:
      return 0100000;
  }
}

std::int64_t AllocatedFor(std::int64_t size_bytes) {
  return (size_bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

Status NotThere() { return {Code::kNotFound, "no such entry"}; }

}  // namespace

FileSystem::FileSystem(World& world, FileSystemOptions options) : world_(world), options_(options) {
  auto root = std::make_unique<Node>();
  root->attrs.kind = EntryKind::kDirectory;
  root->attrs.mode = TypeBits(EntryKind::kDirectory) | 0755;
  root->attrs.nlink = 2;
  root->attrs.inode = ++last_inode_;
  root->attrs.device = options_.device;
  root->attrs.size_bytes = root->attrs.allocated_bytes = kBlockBytes;
  TouchContents(root.get());
  root->attrs.atime_ns = root->attrs.mtime_ns;
  last_node_ = kRoot.value;
  nodes_.emplace(kRoot, std::move(root));
  directories_.push_back(kRoot);
}

WallTime FileSystem::Now() const {
  const std::int64_t ns = (world_.wall() + options_.ahead).ns;
  return {ns - ns % options_.granularity.count()};
}

void FileSystem::TouchContents(Node* node) {
  node->attrs.mtime_ns = Now().ns;
  TouchChange(node);
}

void FileSystem::TouchChange(Node* node) {
  node->attrs.ctime_ns = Now().ns;
  ++node->changes;
}

std::uint64_t FileSystem::FreshInode() {
  if (options_.reuse_inodes && !free_inodes_.empty()) {
    const std::uint64_t inode = free_inodes_.back();
    free_inodes_.pop_back();
    return inode;
  }
  return ++last_inode_;
}

// --- Looking -------------------------------------------------------------------------------------

Result<FileSystem::Node*> FileSystem::DirectoryFor(NodeId dir, std::string_view name) {
  const auto it = nodes_.find(dir);
  if (it == nodes_.end()) return NotThere();
  if (!it->second->attrs.is_directory()) {
    return Status(Code::kFailedPrecondition, "not a directory");
  }
  const bool valid = !name.empty() && name.size() <= kNameBytesMax && name != "." && name != ".." &&
                     name.find('/') == std::string_view::npos &&
                     name.find('\0') == std::string_view::npos;
  if (!valid) return Status(Code::kInvalidArgument, "not a name");
  if (options_.silly_renames && IsSillyName(name)) {
    return Status(Code::kFailedPrecondition, "an NFS client holds it open");
  }
  return it->second.get();
}

Result<FileSystem::Entry*> FileSystem::Look(NodeId dir, std::string_view name) {
  FUSTOR_TRY_ASSIGN(Node * parent, DirectoryFor(dir, name));
  const auto it = parent->children.find(name);
  if (it == parent->children.end()) return NotThere();
  return &it->second;
}

std::optional<NodeId> FileSystem::Find(NodeId dir, std::string_view name) const {
  const auto it = nodes_.find(dir);
  if (it == nodes_.end()) return std::nullopt;
  const auto child = it->second->children.find(name);
  if (child == it->second->children.end()) return std::nullopt;
  return child->second.node;
}

Result<NodeId> FileSystem::Resolve(std::string_view path) const {
  NodeId at = kRoot;
  std::string_view rest = path == "/" ? std::string_view() : path;
  while (!rest.empty()) {
    if (!At(at).attrs.is_directory()) return Status(Code::kFailedPrecondition, "not a directory");
    const std::optional<NodeId> next = Find(at, NextComponent(&rest));
    if (!next) return NotThere();
    at = *next;
  }
  return at;
}

const EntryAttrs& FileSystem::AttrsOf(NodeId node) const { return At(node).attrs; }

const std::string& FileSystem::TargetOf(NodeId node) const { return At(node).target; }

std::string FileSystem::PathOf(NodeId dir) const {
  std::string path;
  for (NodeId at = dir; at != kRoot;) {
    const NodeId parent = At(at).parent;
    for (const auto& [name, entry] : At(parent).children) {
      if (entry.node == at) path = "/" + name + path;
    }
    at = parent;
  }
  return path.empty() ? "/" : path;
}

std::vector<std::string> FileSystem::NamesIn(NodeId dir) const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : At(dir).children) names.push_back(name);
  return names;
}

std::size_t FileSystem::CountIn(NodeId dir) const { return At(dir).children.size(); }

bool FileSystem::IsBelow(NodeId dir, NodeId ancestor) const {
  for (NodeId at = dir; at != kRoot; at = At(at).parent) {
    if (at == ancestor) return true;
  }
  return ancestor == kRoot;
}

std::map<std::string, FileSystem::Truth> FileSystem::Everything() const {
  std::map<std::string, Truth> all;
  all["/"] = {At(kRoot).attrs, {}, true};
  Collect(kRoot, "/", &all);
  return all;
}

void FileSystem::Collect(NodeId dir, const std::string& path,
                         std::map<std::string, Truth>* all) const {
  for (const auto& [name, entry] : At(dir).children) {
    const Node& node = At(entry.node);
    const std::string at = JoinPath(path, name);
    const bool told = node.attrs.is_directory() || entry.told == node.changes;
    (*all)[at] = {node.attrs, node.target, told};
    if (node.attrs.is_directory()) Collect(entry.node, at, all);
  }
}

// --- Telling -------------------------------------------------------------------------------------

void FileSystem::Send(const Record& record) {
  world_.Note(record.name);
  world_.Note(static_cast<std::uint64_t>(record.what) ^ (record.dir.value << 8));
  for (FsListener* listener : listeners_) listener->OnRecord(record);
}

void FileSystem::Tell(Record::What what, Actor actor, NodeId dir, std::string_view name,
                      bool is_directory) {
  Record record;
  record.what = what;
  record.is_directory = is_directory;
  record.dir = dir;
  record.name = name;
  record.actor = actor;
  const auto child = At(dir).children.find(name);
  if (child != At(dir).children.end()) child->second.told = At(child->second.node).changes;
  Send(record);
}

void FileSystem::TellAttributes(Actor actor, NodeId dir, std::string_view name,
                                const Entry& entry) {
  const bool is_directory = At(entry.node).attrs.is_directory();
  Tell(Record::What::kAttrib, actor, dir, name, is_directory);
  // Who watches the directory itself hears of it too.
  if (is_directory) Tell(Record::What::kAttrib, actor, entry.node, {}, true);
}

// --- Making and removing -------------------------------------------------------------------------

Result<NodeId> FileSystem::Make(Actor actor, NodeId dir, std::string_view name, EntryKind kind,
                                std::uint32_t mode, std::string target) {
  FUSTOR_TRY_ASSIGN(Node * parent, DirectoryFor(dir, name));
  if (parent->children.contains(name)) return Status(Code::kAlreadyExists, "it exists");
  const NodeId id{++last_node_};
  auto node = std::make_unique<Node>();
  node->attrs.kind = kind;
  node->attrs.mode = TypeBits(kind) | (mode & kModeBits);
  node->attrs.uid = 1000 + actor.process % 2;
  node->attrs.gid = 100;
  node->attrs.inode = FreshInode();
  node->attrs.device = options_.device;
  node->target = std::move(target);
  node->attrs.size_bytes = static_cast<std::int64_t>(node->target.size());
  TouchContents(node.get());
  node->attrs.atime_ns = node->attrs.mtime_ns;
  const bool is_directory = kind == EntryKind::kDirectory;
  if (is_directory) {
    node->attrs.nlink = 2;
    node->attrs.size_bytes = node->attrs.allocated_bytes = kBlockBytes;
    node->parent = dir;
    node->place = directories_.size();
    directories_.push_back(id);
    ++parent->attrs.nlink;
  }
  nodes_.emplace(id, std::move(node));
  parent->children.emplace(name, Entry{id, ++last_link_, 0});
  ++links_;
  TouchContents(parent);
  Tell(Record::What::kCreate, actor, dir, name, is_directory);
  return id;
}

Result<NodeId> FileSystem::Create(Actor actor, NodeId dir, std::string_view name,
                                  std::uint32_t mode) {
  return Make(actor, dir, name, EntryKind::kFile, mode, {});
}

Result<NodeId> FileSystem::MakeDirectory(Actor actor, NodeId dir, std::string_view name,
                                         std::uint32_t mode) {
  return Make(actor, dir, name, EntryKind::kDirectory, mode, {});
}

Result<NodeId> FileSystem::MakeSymlink(Actor actor, NodeId dir, std::string_view name,
                                       std::string target) {
  return Make(actor, dir, name, EntryKind::kSymlink, 0777, std::move(target));
}

Result<NodeId> FileSystem::MakeFifo(Actor actor, NodeId dir, std::string_view name) {
  return Make(actor, dir, name, EntryKind::kOther, 0644, {});
}

Result<void> FileSystem::Link(Actor actor, NodeId dir, std::string_view name, NodeId to_dir,
                              std::string_view to_name) {
  FUSTOR_TRY_ASSIGN(const Entry* entry, Look(dir, name));
  FUSTOR_TRY_ASSIGN(Node * to, DirectoryFor(to_dir, to_name));
  if (to->children.contains(to_name)) return Status(Code::kAlreadyExists, "it exists");
  const NodeId id = entry->node;
  Node& node = At(id);
  if (node.attrs.is_directory()) return Status(Code::kFailedPrecondition, "a directory");
  ++node.attrs.nlink;
  TouchChange(&node);
  to->children.emplace(to_name, Entry{id, ++last_link_, 0});
  ++links_;
  TouchContents(to);
  Tell(Record::What::kCreate, actor, to_dir, to_name, false);
  return {};
}

Result<void> FileSystem::Unlink(Actor actor, NodeId dir, std::string_view name) {
  FUSTOR_TRY_ASSIGN(const Entry* entry, Look(dir, name));
  const Entry gone = *entry;
  if (At(gone.node).attrs.is_directory()) {
    return Status(Code::kFailedPrecondition, "a directory");
  }
  Node& parent = At(dir);
  parent.children.erase(parent.children.find(name));
  --links_;
  TouchContents(&parent);
  const bool hidden = HideIfOpen(actor, dir, gone);
  if (!hidden) Moved(gone, {}, {});
  Tell(Record::What::kDelete, actor, dir, name, false);
  if (!hidden) Drop(gone.node);
  return {};
}

bool FileSystem::HideIfOpen(Actor actor, NodeId dir, const Entry& entry) {
  if (!options_.silly_renames) return false;
  bool is_open = false;
  for (auto& [id, open] : opens_) {
    if (open.link != entry.link || open.mount != actor.mount) continue;
    is_open = open.silly = true;
  }
  if (!is_open) return false;
  std::string name(25, '0');
  std::snprintf(name.data(), name.size(), "%024llx",
                static_cast<unsigned long long>(++last_silly_));
  name = ".nfs" + name.substr(0, 24);
  At(dir).children.emplace(name, entry);
  ++links_;
  TouchChange(&At(entry.node));
  Moved(entry, dir, name);
  return true;
}

void FileSystem::RemoveHidden(const OpenFile& closed) {
  for (const auto& [id, open] : opens_) {
    if (open.link == closed.link && open.silly) return;
  }
  Node& parent = At(closed.dir);
  parent.children.erase(parent.children.find(closed.name));
  --links_;
  TouchContents(&parent);
  Moved({closed.node, closed.link, 0}, {}, {});
  Drop(closed.node);
}

Result<void> FileSystem::RemoveDirectory(Actor actor, NodeId dir, std::string_view name) {
  FUSTOR_TRY_ASSIGN(const Entry* entry, Look(dir, name));
  const NodeId id = entry->node;
  if (!At(id).attrs.is_directory()) return Status(Code::kFailedPrecondition, "not a directory");
  if (!At(id).children.empty()) return Status(Code::kFailedPrecondition, "not empty");
  Node& parent = At(dir);
  parent.children.erase(parent.children.find(name));
  --links_;
  --parent.attrs.nlink;
  TouchContents(&parent);
  Tell(Record::What::kDelete, actor, dir, name, true);
  Tell(Record::What::kGone, actor, id, {}, true);
  Drop(id);
  return {};
}

void FileSystem::Drop(NodeId id) {
  Node& node = At(id);
  if (node.attrs.is_directory()) {
    const std::size_t place = node.place;
    directories_[place] = directories_.back();
    At(directories_[place]).place = place;
    directories_.pop_back();
    node.attrs.nlink = 0;
  } else {
    --node.attrs.nlink;
    TouchChange(&node);
  }
  DropIfUnused(id);
}

void FileSystem::DropIfUnused(NodeId id) {
  const Node& node = At(id);
  if (node.attrs.nlink != 0 || node.opens != 0) return;
  if (options_.reuse_inodes) free_inodes_.push_back(node.attrs.inode);
  nodes_.erase(id);
}

// --- Renaming ------------------------------------------------------------------------------------

void FileSystem::Adopt(NodeId dir, NodeId parent) {
  Node& node = At(dir);
  if (node.parent == parent) return;
  --At(node.parent).attrs.nlink;
  ++At(parent).attrs.nlink;
  node.parent = parent;
}

void FileSystem::Moved(const Entry& entry, NodeId dir, std::string_view name) {
  for (auto& [id, open] : opens_) {
    if (open.link != entry.link) continue;
    open.dir = dir;
    open.name = name;
  }
}

Result<void> FileSystem::Rename(Actor actor, NodeId dir, std::string_view name, NodeId to_dir,
                                std::string_view to_name) {
  FUSTOR_TRY_ASSIGN(const Entry* found, Look(dir, name));
  FUSTOR_TRY_ASSIGN(Node * to, DirectoryFor(to_dir, to_name));
  Entry entry = *found;
  const bool is_directory = At(entry.node).attrs.is_directory();
  if (is_directory && IsBelow(to_dir, entry.node)) {
    return Status(Code::kFailedPrecondition, "a directory into itself");
  }
  std::optional<Entry> replaced;
  if (const auto it = to->children.find(to_name); it != to->children.end()) {
    replaced = it->second;
    if (replaced->node == entry.node) return {};  // Two links of one file, or the very same.
    const Node& target = At(replaced->node);
    if (target.attrs.is_directory() != is_directory || !target.children.empty()) {
      return Status(Code::kFailedPrecondition, "it cannot be replaced");
    }
    to->children.erase(it);
    --links_;
    if (is_directory) --to->attrs.nlink;
    if (!is_directory && HideIfOpen(actor, to_dir, *replaced)) {
      replaced.reset();
    } else {
      Moved(*replaced, {}, {});
    }
  }
  Node& from = At(dir);
  from.children.erase(from.children.find(name));
  if (is_directory) Adopt(entry.node, to_dir);
  TouchChange(&At(entry.node));
  entry.told = At(entry.node).changes;
  to->children.emplace(to_name, entry);
  Moved(entry, to_dir, to_name);
  TouchContents(&from);
  if (dir != to_dir) TouchContents(to);

  Record record;
  record.what = Record::What::kRename;
  record.is_directory = is_directory;
  record.dir = dir;
  record.name = name;
  record.to_dir = to_dir;
  record.to_name = to_name;
  record.cookie = ++last_cookie_;
  record.actor = actor;
  Send(record);
  if (replaced) {
    if (is_directory) {
      Tell(Record::What::kAttrib, actor, replaced->node, {}, true);
      Tell(Record::What::kGone, actor, replaced->node, {}, true);
    }
    Drop(replaced->node);
  }
  return {};
}

// --- Attributes and contents ---------------------------------------------------------------------

Result<void> FileSystem::SetMode(Actor actor, NodeId dir, std::string_view name,
                                 std::uint32_t mode) {
  FUSTOR_TRY_ASSIGN(const Entry* entry, Look(dir, name));
  Node& node = At(entry->node);
  node.attrs.mode = TypeBits(node.attrs.kind) | (mode & kModeBits);
  TouchChange(&node);
  TellAttributes(actor, dir, name, *entry);
  return {};
}

Result<void> FileSystem::SetOwner(Actor actor, NodeId dir, std::string_view name, std::uint32_t uid,
                                  std::uint32_t gid) {
  FUSTOR_TRY_ASSIGN(const Entry* entry, Look(dir, name));
  Node& node = At(entry->node);
  node.attrs.uid = uid;
  node.attrs.gid = gid;
  TouchChange(&node);
  TellAttributes(actor, dir, name, *entry);
  return {};
}

Result<void> FileSystem::SetTimes(Actor actor, NodeId dir, std::string_view name, WallTime mtime) {
  FUSTOR_TRY_ASSIGN(const Entry* entry, Look(dir, name));
  Node& node = At(entry->node);
  node.attrs.mtime_ns = mtime.ns;
  TouchChange(&node);
  TellAttributes(actor, dir, name, *entry);
  return {};
}

Result<void> FileSystem::Truncate(Actor actor, NodeId dir, std::string_view name,
                                  std::int64_t size_bytes) {
  FUSTOR_TRY_ASSIGN(const Entry* entry, Look(dir, name));
  Node& node = At(entry->node);
  if (node.attrs.kind != EntryKind::kFile) return Status(Code::kFailedPrecondition, "no file");
  node.attrs.size_bytes = size_bytes;
  node.attrs.allocated_bytes = AllocatedFor(size_bytes);
  TouchContents(&node);
  Tell(Record::What::kModify, actor, dir, name, false);
  return {};
}

Result<OpenId> FileSystem::Open(NodeId dir, std::string_view name, Actor actor) {
  FUSTOR_TRY_ASSIGN(const Entry* entry, Look(dir, name));
  Node& node = At(entry->node);
  if (node.attrs.kind != EntryKind::kFile) return Status(Code::kFailedPrecondition, "no file");
  ++node.opens;
  const OpenId id{++last_open_};
  OpenFile& open = opens_[id];
  open = {entry->node, entry->link, dir, std::string(name), actor.mount, false};
  return id;
}

void FileSystem::Write(Actor actor, OpenId file, std::int64_t size_bytes) {
  const OpenFile& open = opens_.at(file);
  Node& node = At(open.node);
  node.attrs.size_bytes = size_bytes;
  node.attrs.allocated_bytes = AllocatedFor(size_bytes);
  TouchContents(&node);
  if (open.dir != NodeId{}) Tell(Record::What::kModify, actor, open.dir, open.name, false);
}

void FileSystem::Close(Actor actor, OpenId file) {
  const OpenFile open = opens_.at(file);
  opens_.erase(file);
  if (open.dir != NodeId{}) Tell(Record::What::kClose, actor, open.dir, open.name, false);
  if (open.silly && open.dir != NodeId{}) RemoveHidden(open);
  --At(open.node).opens;
  DropIfUnused(open.node);
}

}  // namespace fustor::sim
