// virtual_tree.h: env::Tree over a simulated file system, as one host sees it.
//
// Looking takes time: a directory is opened, watched, read in pieces, and its entries are looked at
// one after the other, while others go on changing it. What adapters/posix answers to what goes
// wrong, this answers too. A network file system's client (nfs_client.h) may show what was.
// Deterministic.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "env/tree.h"
#include "sim/file_system.h"
#include "sim/nfs_client.h"
#include "sim/watch.h"
#include "sim/world.h"

namespace fustor::sim {

struct ViewOptions {
  WatchOptions watch;
  // One operation of the file system.
  Nanos operation_min = Micros(2);
  Nanos operation_max = Micros(60);
  std::uint64_t late_one_in = 500;
  Nanos late_max = Millis(300);
  std::size_t readdir_names_max = 64;
  // Seen through a client of a network file system; nullopt: on the host itself.
  std::optional<NfsOptions> nfs;
};

class VirtualTree final : public env::Tree {
 public:
  // All must outlive the tree. `clock` is that of the host.
  VirtualTree(World& world, FileSystem& fs, std::shared_ptr<const HostClock> clock,
              ViewOptions options);
  // What still waits answers kUnavailable.
  ~VirtualTree() override;

  env::Task<std::vector<env::ListedDir>> List(std::vector<env::ListRequest> requests) override;
  env::Task<std::vector<env::StattedEntry>> Stat(std::vector<env::StatRequest> requests) override;
  env::Task<std::vector<env::TreeEvent>> NextEvents() override;
  void StopEvents() override;
  void Unwatch(std::vector<env::DirKey> dirs) override;
  Info info() const override;

  Watch& watch() { return *watch_; }
  // Nothing is being looked at, and no event waits.
  bool idle() const;

  // What the jobs of a tree share with it.
  struct View;

 private:
  const std::shared_ptr<Watch> watch_;
  const std::shared_ptr<View> view_;
};

}  // namespace fustor::sim
