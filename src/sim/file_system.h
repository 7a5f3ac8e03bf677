// file_system.h: a file system in memory that behaves as a Linux one does: inodes, links, times.
//
// Operations are those of the system calls, each done at once. What happens is told to listeners as
// the kernel would tell it, in order: see Record. Times come from the world's clock, cut to the
// granularity that the file system keeps. Deterministic; one thread.
//
// What Linux does not tell, this does not tell: a file with several links is announced under the
// name that was used, though its attributes are seen under all of them; see Told.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/entry.h"
#include "base/id.h"
#include "base/result.h"
#include "sim/world.h"

namespace fustor::sim {

// One file, directory or link for as long as it lives. Inode numbers are used again, these are not.
using NodeId = Id<struct NodeTag>;
// A file that is open for writing.
using OpenId = Id<struct OpenTag>;

// Who does it: through which mount, in which process.
struct Actor {
  std::uint32_t mount = 0;
  std::uint32_t process = 0;
};

// What a kernel tells of one operation.
struct Record {
  enum class What : std::uint8_t {
    kCreate,
    kDelete,
    kModify,
    kClose,
    kAttrib,
    kRename,  // dir/name -> to_dir/to_name.
    kGone,    // The directory `dir` is no more.
  };
  What what = What::kCreate;
  bool is_directory = false;
  NodeId dir;
  std::string name;  // Empty: the directory itself.
  NodeId to_dir;
  std::string to_name;
  std::uint32_t cookie = 0;  // Of a rename.
  Actor actor;
};

class FsListener {
 public:
  virtual ~FsListener() = default;
  virtual void OnRecord(const Record& record) = 0;
};

struct FileSystemOptions {
  Nanos granularity = Millis(4);  // As the kernel's coarse clock.
  Nanos ahead{0};                 // Of a file server whose clock is wrong.
  bool reuse_inodes = false;      // The number that was freed last comes first, as on ext4.
  // What an NFS client does: a file that is deleted (or replaced) while it is open through the same
  // mount becomes .nfsXXXX, told as its deletion, and goes in silence with the last close.
  bool silly_renames = false;
  std::uint64_t device = 0x801;
};

// What NFS clients name files that were deleted while open.
inline bool IsSillyName(std::string_view name) { return name.starts_with(".nfs"); }

class FileSystem {
 public:
  FileSystem(World& world, FileSystemOptions options);
  FileSystem(const FileSystem&) = delete;

  static constexpr NodeId kRoot{1};

  // Listeners hear of everything that happens from now on. They must not change the file system.
  void Listen(FsListener& listener) { listeners_.push_back(&listener); }
  void Unlisten(FsListener& listener) { std::erase(listeners_, &listener); }

  // Errors of all that follow: kNotFound, kAlreadyExists, kFailedPrecondition (not a directory, not
  // empty, a directory where none may be, a directory into itself), kInvalidArgument (a name).
  Result<NodeId> Create(Actor actor, NodeId dir, std::string_view name, std::uint32_t mode);
  Result<NodeId> MakeDirectory(Actor actor, NodeId dir, std::string_view name, std::uint32_t mode);
  Result<NodeId> MakeSymlink(Actor actor, NodeId dir, std::string_view name, std::string target);
  Result<NodeId> MakeFifo(Actor actor, NodeId dir, std::string_view name);
  Result<void> Link(Actor actor, NodeId dir, std::string_view name, NodeId to_dir,
                    std::string_view to_name);
  Result<void> Unlink(Actor actor, NodeId dir, std::string_view name);
  Result<void> RemoveDirectory(Actor actor, NodeId dir, std::string_view name);
  Result<void> Rename(Actor actor, NodeId dir, std::string_view name, NodeId to_dir,
                      std::string_view to_name);
  Result<void> SetMode(Actor actor, NodeId dir, std::string_view name, std::uint32_t mode);
  Result<void> SetOwner(Actor actor, NodeId dir, std::string_view name, std::uint32_t uid,
                        std::uint32_t gid);
  Result<void> SetTimes(Actor actor, NodeId dir, std::string_view name, WallTime mtime);
  Result<void> Truncate(Actor actor, NodeId dir, std::string_view name, std::int64_t size_bytes);

  Result<OpenId> Open(NodeId dir, std::string_view name, Actor actor = {});
  // REQUIRES: `file` is open.
  void Write(Actor actor, OpenId file, std::int64_t size_bytes);
  void Close(Actor actor, OpenId file);

  // What lies where. Errors: kNotFound, kFailedPrecondition (a part of the path is no directory).
  Result<NodeId> Resolve(std::string_view path) const;
  std::optional<NodeId> Find(NodeId dir, std::string_view name) const;
  // False when it has been removed.
  bool Exists(NodeId node) const { return nodes_.contains(node); }
  // REQUIRES (all below): it exists; where a directory is asked for, it is one.
  const EntryAttrs& AttrsOf(NodeId node) const;
  const std::string& TargetOf(NodeId node) const;
  // Grows with every change of its attributes or names: NFSv4's change attribute.
  std::uint64_t ChangesOf(NodeId node) const { return At(node).changes; }
  std::string PathOf(NodeId dir) const;
  std::vector<std::string> NamesIn(NodeId dir) const;  // Sorted.
  std::size_t CountIn(NodeId dir) const;
  bool IsBelow(NodeId dir, NodeId ancestor) const;  // Or the same.

  // Every directory, in no particular order, but the same one in every run.
  const std::vector<NodeId>& directories() const { return directories_; }
  std::size_t size() const { return links_ + 1; }

  struct Truth {
    EntryAttrs attrs;
    std::string target;
    // False: the attributes have changed through another link, and nobody was told of this name.
    bool told = true;
  };
  // Everything there is, by path; "/" included.
  std::map<std::string, Truth> Everything() const;

  WallTime Now() const;

 private:
  struct Entry {
    NodeId node;
    std::uint64_t link = 0;  // Stays the same when it is renamed.
    std::uint64_t told = 0;  // Node::changes as of the last record about this name.
  };
  struct Node {
    EntryAttrs attrs;
    std::string target;
    std::map<std::string, Entry, std::less<>> children;
    NodeId parent;          // Of a directory.
    std::size_t place = 0;  // Of a directory: its index in directories_.
    std::uint32_t opens = 0;
    std::uint64_t changes = 0;
  };
  struct OpenFile {
    NodeId node;
    std::uint64_t link = 0;
    NodeId dir;  // Where the link is now; 0: it was removed.
    std::string name;
    std::uint32_t mount = 0;
    bool silly = false;
  };

  Node& At(NodeId node) { return *nodes_.at(node); }
  const Node& At(NodeId node) const { return *nodes_.at(node); }
  Result<Entry*> Look(NodeId dir, std::string_view name);
  Result<Node*> DirectoryFor(NodeId dir, std::string_view name);
  Result<NodeId> Make(Actor actor, NodeId dir, std::string_view name, EntryKind kind,
                      std::uint32_t mode, std::string target);
  std::uint64_t FreshInode();
  void Collect(NodeId dir, const std::string& path, std::map<std::string, Truth>* all) const;
  void TouchContents(Node* node);  // mtime and ctime.
  void TouchChange(Node* node);    // ctime.
  void Adopt(NodeId dir, NodeId parent);
  // The entry is gone from its directory: the node loses a link.
  void Drop(NodeId node);
  void DropIfUnused(NodeId node);
  // True: it is open through the actor's mount, and has another name now.
  bool HideIfOpen(Actor actor, NodeId dir, const Entry& entry);
  void RemoveHidden(const OpenFile& closed);
  void Moved(const Entry& entry, NodeId dir, std::string_view name);
  void Tell(Record::What what, Actor actor, NodeId dir, std::string_view name, bool is_directory);
  void TellAttributes(Actor actor, NodeId dir, std::string_view name, const Entry& entry);
  void Send(const Record& record);

  World& world_;
  const FileSystemOptions options_;
  std::unordered_map<NodeId, std::unique_ptr<Node>> nodes_;
  std::vector<NodeId> directories_;
  std::map<OpenId, OpenFile> opens_;
  std::vector<std::uint64_t> free_inodes_;
  std::vector<FsListener*> listeners_;
  std::uint64_t last_node_ = 0;
  std::uint64_t last_inode_ = 1;
  std::uint64_t last_open_ = 0;
  std::uint64_t last_link_ = 0;
  std::uint64_t last_silly_ = 0;
  std::uint32_t last_cookie_ = 0;
  std::size_t links_ = 0;
};

}  // namespace fustor::sim
