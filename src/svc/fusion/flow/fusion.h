// fusion.h: a Fusion: the views and pipes of a configuration, and the keys that open them.
//
// Made of parts with one owner each: SessionHost on the control executor, a Shard per view on an
// executor of its own. What the doors see (views, keys) is one immutable catalog that a new
// configuration replaces as a whole; views that stay the same keep their trees and sessions. A
// forest is a view for each of its pipes, with a tree and a leader of its own; only the doors put
// their answers together (wire/forest_route.cc).
//
// REQUIRES: all executors outlive the Fusion, and Stop has ended before it is destroyed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/metrics.h"
#include "env/published.h"
#include "env/random.h"
#include "env/task.h"
#include "env/task_group.h"
#include "svc/fusion/core/config.h"
#include "svc/fusion/flow/checkpoints.h"
#include "svc/fusion/flow/session_host.h"
#include "svc/fusion/flow/shard.h"
#include "svc/fusion/flow/view.h"

namespace fustor::fusion {

class Fusion final : public ViewSet {
 public:
  struct Ports {
    env::Executor& control;
    // An executor for the shard of a view; asked once for each, never given back.
    std::function<env::Executor&(const std::string& view_id)> shard_executor;
    env::Random& random;
    MetricRegistry& metrics;
    Logger log;
    // Where views are kept; nullopt: nowhere.
    std::optional<CheckpointPorts> checkpoints = {};
  };
  // What the last checkpoints may take of a stop, all together.
  static constexpr Nanos kLastCheckpoints = Seconds(10);

  explicit Fusion(Ports ports);
  ~Fusion() override;

  // --- The control executor. ---

  // Makes this the configuration. Either all of it takes effect or none. Errors: kUnimplemented
  // (a driver that is not there yet), naming it.
  Status Configure(const FusionConfig& config);
  // Ends the sessions and the timers, and writes the last checkpoints.
  env::Task<void> Stop();
  SessionHost& sessions() { return host_; }
  env::Executor& control() { return ports_.control; }

  // --- Any thread. ---

  std::shared_ptr<View> Find(std::string_view id) const override;
  std::vector<std::shared_ptr<View>> All() const override;
  std::optional<std::vector<std::shared_ptr<View>>> Members(std::string_view forest) const override;
  Access Check(std::string_view key) const override;
  bool has_management_key() const override { return catalog_.Get()->managed; }

 private:
  class HostedView;
  struct Catalog {
    std::map<std::string, std::shared_ptr<HostedView>, std::less<>> views;
    std::map<std::string, std::vector<std::string>, std::less<>> forests;  // Ids of the members.
    std::map<std::string, Access, std::less<>> keys;
    bool managed = false;
  };

  // Adds a view with a tree to `next`: the one that is there, if it is still the same.
  void AddView(const std::string& id, const std::string& config_id, const ViewConfig& config,
               Catalog* next);
  std::shared_ptr<Checkpoints> MakeCheckpoints(const std::shared_ptr<Shard>& shard,
                                               const ViewConfig& config);
  std::shared_ptr<Shard> MakeShard(const std::string& id, const ViewConfig& config);
  void AddMetrics(const std::shared_ptr<Shard>& shard);

  const Ports ports_;
  SessionHost host_;
  std::map<std::string, ViewConfig> configured_;  // As the views that are there were made.
  std::map<std::string, env::Executor*> executors_;
  std::optional<env::TaskGroup> disk_tasks_;
  env::Published<Catalog> catalog_;
};

}  // namespace fustor::fusion
