// lister.h: one thread's way to list a directory and to look at entries.
//
// Not thread-safe: it owns the buffers that make listing cheap. What it is given is shared and
// outlives it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "adapters/posix/directory.h"
#include "adapters/posix/file_systems.h"
#include "adapters/posix/op_limiter.h"
#include "adapters/posix/watcher.h"
#include "base/name_order.h"
#include "env/tree.h"

namespace fustor::posix {

struct ListerOptions {
  bool one_file_system = false;
  bool skip_pseudo_file_systems = true;
};

class Lister {
 public:
  Lister(Root& root, FileSystems& file_systems, Watcher& watcher, OpLimiter& limiter,
         ListerOptions options);

  // As env::Tree::List. A directory that the options leave alone has no children, and that counts
  // as complete and watched.
  env::ListedDir List(const env::ListRequest& request);

  // As env::Tree::Stat. REQUIRES: all of the same directory, `answers` as long as `requests`.
  void Stat(std::span<const env::StatRequest> requests, std::span<env::StattedEntry> answers);

 private:
  Result<std::shared_ptr<const FileSystemFacts>> FactsOf(int dirfd, const SelfAttrs& self);
  bool LeavesAlone(const EntryAttrs& self, const FileSystemFacts& facts) const;
  Status ReadChildren(int dirfd, EntryList* children);
  // Puts the names of one buffer into names_, in their order.
  std::span<const std::uint32_t> SortNames(std::size_t bytes, EntryList* children);
  // Looks at the entries of one buffer. A failure that leaves the list incomplete but does not end
  // it goes to `*first_error`.
  Status ReadBuffer(int dirfd, std::size_t bytes, EntryList* children, Status* first_error);
  // `name` points into entries_.
  Status LookAt(int dirfd, std::string_view name, EntryList* children, Status* first_error);
  std::string_view ReadTarget(int dirfd, const char* name);
  void StatOne(int dirfd, const env::StatRequest& request, env::StattedEntry* answer);

  Root& root_;
  FileSystems& file_systems_;
  Watcher& watcher_;
  OpLimiter& limiter_;
  const ListerOptions options_;
  std::vector<std::byte> entries_;
  std::vector<char> target_;
  std::vector<std::string_view> names_;
  NameOrder order_;
  // Of the directory before this one: nearly always the same file system.
  std::shared_ptr<const FileSystemFacts> facts_;
  std::uint64_t facts_device_ = 0;
  std::uint64_t facts_mount_ = 0;
};

}  // namespace fustor::posix
