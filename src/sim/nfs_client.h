// nfs_client.h: what one host sees of a file system that lies on a server.
//
// As Linux's client: attributes are believed for a while after they were asked for (longer while
// they do not change), and so is what a directory contains; what this very host changes it knows at
// once; opening a directory asks again where close-to-open is on. What it shows may therefore be
// old, and one directory's names older than another's, but each answer was true at some moment
// within the life of the caches. Deterministic; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/file_system.h"
#include "sim/world.h"

namespace fustor::sim {

struct NfsOptions {
  // For how long attributes are believed. 0: always asked for.
  Nanos life_min{0};
  Nanos life_max{0};
  bool close_to_open = true;
  bool readdir_plus = true;  // Who reads a directory gets the attributes of what is in it.
  std::uint32_t mount = 0;
};

class NfsClient final : public FsListener {
 public:
  // All must outlive the client.
  NfsClient(World& world, FileSystem& fs, NfsOptions options);
  ~NfsClient() override { fs_.Unlisten(*this); }
  NfsClient(const NfsClient&) = delete;

  struct Known {
    EntryAttrs attrs;
    std::string target;
    std::uint64_t changes = 0;
    Instant until;
    Nanos life{0};
  };
  // nullptr: a stale handle. Valid until the next call.
  const Known* Look(NodeId node);
  std::optional<NodeId> Find(NodeId dir, std::string_view name);
  // Errors: as FileSystem::Resolve.
  Result<NodeId> Resolve(std::string_view path);
  void OpenDirectory(NodeId dir);
  // Sorted. nullopt: a stale handle.
  std::optional<std::vector<std::string>> NamesIn(NodeId dir);

  void OnRecord(const Record& record) override;

 private:
  struct Names {
    std::uint64_t changes = 0;
    std::map<std::string, NodeId, std::less<>> nodes;
  };
  const Names* NamesOf(NodeId dir);
  const Known* Ask(NodeId node);
  void Changed(NodeId dir, std::string_view name);

  World& world_;
  FileSystem& fs_;
  const NfsOptions options_;
  std::unordered_map<NodeId, Known> known_;
  std::unordered_map<NodeId, Names> names_;
};

}  // namespace fustor::sim
