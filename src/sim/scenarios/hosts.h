// hosts.h: an agent's process and a Fusion's process on simulated hosts, as their mains join them.
//
// A process is started, and dies at any moment: nothing of it survives but what others have of it.
// Deterministic; one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "env/task_group.h"
#include "env/transport.h"
#include "sim/file_system.h"
#include "sim/network.h"
#include "sim/scenarios/ports.h"
#include "sim/virtual_disk.h"
#include "sim/virtual_tree.h"
#include "sim/world.h"
#include "svc/agent/flow/pipe.h"
#include "svc/agent/flow/source.h"
#include "svc/agent/wire/grpc_link.h"
#include "svc/fusion/core/config.h"
#include "svc/fusion/flow/fusion.h"
#include "svc/fusion/wire/agent_service.h"

namespace fustor::sim {

// One view, "v", fed by one pipe, "p", under the key "k".
inline constexpr char kViewId[] = "v";

class FusionHost {
 public:
  struct Options {
    std::string name = "fusion";
    fusion::ViewConfig view;
    fusion::PipeConfig pipe;
    // It has a disk and begins each life with what it has kept there of the one before.
    bool keeps_checkpoints = false;
  };

  // All must outlive the host.
  FusionHost(World& world, Network& network, VirtualLog& log, Options options);
  ~FusionHost() { Crash(); }

  // REQUIRES: not running.
  void Start();
  // Fine when it is not running.
  void Crash();
  bool running() const { return process_ != nullptr; }
  // Counts its lives: each begins with nothing, but for its disk.
  int starts() const { return starts_; }

  // The shard, the sessions or the decoder stand still for so long. REQUIRES: running.
  void Pause(std::uint64_t which, Nanos duration);
  // Somebody sets the clock: so far ahead of true time from now on.
  void SetClock(Nanos ahead) { clock_->Set(ahead); }
  // To be called now and then: writes a checkpoint if it keeps some and it is time. In the first
  // life it is written from outside, so that nothing else in the world comes otherwise because of
  // it; later ones write theirs themselves.
  void KeepCheckpoint();
  // nullptr when it is not running.
  std::shared_ptr<fusion::View> view() const;

  // For agents that post: on the executor of the sessions, in a later turn; never when it does not
  // run, or dies before. `use` may spawn what it waits for.
  using Use = std::function<void(fusion::SessionHost&, env::TaskGroup&)>;
  void UseSessions(Use use);
  using Answered = std::function<void(const Status&)>;
  void PostRows(fusion::SessionHost::Caller caller, std::string session_id,
                fusion::SessionHost::Posted posted, Answered answered);
  void PostAuditEnd(Answered answered);
  static fusion::SessionHost::Caller CallerOf(const std::string& agent);
  const std::string& name() const { return options_.name; }

 private:
  struct Process {
    Process(FusionHost& host, int number);
    VirtualExecutor& control;
    VirtualExecutor& ingest;
    VirtualExecutor& shard;
    VirtualExecutor* disk;  // nullptr: nothing has been kept yet.
    VirtualRandom random;
    VirtualMetrics metrics;
    fusion::Fusion fusion;
    fusion::AgentService service;
    env::MethodTable methods;
    std::unique_ptr<Server> server;
    env::TaskGroup posts;
  };

  World& world_;
  Network& network_;
  VirtualLog& log_;
  const Options options_;
  const std::shared_ptr<HostClock> clock_;
  VirtualDisk disk_;
  Instant kept_at_;
  int starts_ = 0;
  std::unique_ptr<Process> process_;
};

// Of a world's chance alone, so that nothing else in it changes: whether its Fusion keeps
// checkpoints, and how old they are when it dies.
void ChooseCheckpoints(Prng prng, FusionHost::Options* options);

class AgentHost {
 public:
  struct Options {
    std::string name = "agent";
    std::string fusion = "fusion";
    ViewOptions tree;
    agent::Source::Options source;
    Nanos session_timeout{0};
    Nanos backoff_min = Seconds(5);
    Nanos backoff_max = Seconds(60);
    Nanos clock_ahead{0};
    // Puts something around the agent's link, to see what it says. Empty: nothing.
    std::function<std::unique_ptr<agent::FusionLink>(std::unique_ptr<agent::FusionLink>)> wrap;
  };
  // The two connections that an agent keeps apart.
  static constexpr char kDataLane[] = "data";
  static constexpr char kControlLane[] = "control";

  AgentHost(World& world, Network& network, FileSystem& fs, VirtualLog& log, Options options);
  ~AgentHost() { Crash(); }

  // REQUIRES: not running.
  void Start();
  // Fine when it is not running.
  void Crash();
  bool running() const { return process_ != nullptr; }

  // Everything stands still but the heartbeats, or the heartbeats. REQUIRES: running.
  void Pause(bool heartbeats, Nanos duration);
  void SetClock(Nanos ahead) { clock_->Set(ahead); }
  // Events are lost. REQUIRES: running.
  void LoseEvents();
  // What it was asked to look at has been looked at. REQUIRES: running.
  bool idle() const;
  bool connected() const { return process_->pipe != nullptr && state().connected; }
  const agent::Pipe::State& state() const { return process_->pipe->state(); }
  // Counts its lives.
  int starts() const { return starts_; }
  // How often events were lost in this life.
  std::uint64_t overflows() const;
  const agent::Observer& observer() const { return process_->source->observer(); }
  const std::string& name() const { return options_.name; }

 private:
  struct Process {
    VirtualExecutor* data = nullptr;
    VirtualExecutor* control = nullptr;
    std::unique_ptr<VirtualTree> tree;
    std::unique_ptr<agent::Source> source;
    std::unique_ptr<env::Channel> data_channel;
    std::unique_ptr<env::Channel> control_channel;
    std::unique_ptr<agent::FusionLink> link;
    std::unique_ptr<agent::Pipe> pipe;
  };

  World& world_;
  Network& network_;
  FileSystem& fs_;
  VirtualLog& log_;
  const Options options_;
  const std::shared_ptr<HostClock> clock_;
  int starts_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace fustor::sim
