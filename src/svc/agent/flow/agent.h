// agent.h: an agent as its configuration says: sources, pipes, and what becomes of them.
//
// Pipes that read the same source (SourceSignature) share it: one tree with its watches and
// threads, one observer, one ring of events; each pipe has its own session, role, scans and audits.
// A source lives as long as some pipe reads it, whatever happens to the others: a reload that
// changes a pipe does not touch the source that it reads before and after. A source that cannot be
// opened is tried again for ever with the back-off of the pipe that first asked for it; an agent
// does not end because a disk is not mounted.
//
// Everything is called on the data executor.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "env/task_group.h"
#include "env/tree.h"
#include "svc/agent/core/config.h"
#include "svc/agent/flow/pipe.h"
#include "svc/agent/flow/source.h"
#include "svc/agent/ports.h"

namespace fustor::agent {

struct PipeState {
  std::string id;
  std::string source;
  std::string sender;
  // The source: nullopt while it cannot be opened; then `error` says why.
  std::optional<env::Tree::Info> tree;
  bool scanning = false;
  Observer::Counters seen;
  std::size_t directories = 0;
  std::size_t readers = 0;        // Pipes that share the source.
  std::size_t waiting_bytes = 0;  // Seen and not yet sent.
  bool split = false;             // So far behind that it has a ring of events of its own.
  Pipe::State pipe;
  // What is wrong, for a person; empty: nothing is.
  std::string error;
  bool failing = false;  // More than max_consecutive_errors in a row.
};

struct AgentState {
  std::string agent_id;
  std::vector<PipeState> pipes;  // By id.
};

class Agent {
 public:
  // How the agent reaches the world. Called on the data executor.
  struct Ports {
    // The scan workers of the source are those of the agent when it names none.
    std::function<Result<std::unique_ptr<env::Tree>>(const SourceConfig&)> open_tree;
    std::function<Result<std::unique_ptr<FusionLink>>(const SenderConfig&)> open_link;
    // Takes commands that concern the agent as a whole, of any pipe; none: they are refused. It
    // must not call the agent within the call.
    std::function<void(batch::Command)> on_command = {};
  };

  // The executors, and what the ports use, must outlive the agent. `seed` is for the jitter of the
  // pipes: another one for every process.
  Agent(env::Executor& data, env::Executor& control, Ports ports, std::uint64_t seed, Logger log);
  // REQUIRES: Stop has ended, or Start was never called.
  ~Agent();
  Agent(const Agent&) = delete;

  // Errors: what CheckSupport refuses; then nothing is started. Sources and servers that cannot be
  // reached are no errors.
  Status Start(AgentConfig config);

  // Starts new pipes and stops removed ones. One that differs in how it tries again, or in
  // intervals that Fusion decides, is changed while its session goes on; one that differs otherwise
  // gets a new session. Others do not notice. Errors: as Start; then nothing changes. REQUIRES: one
  // call at a time, after Start and before Stop.
  env::Task<Status> Reload(AgentConfig config);

  // Stops one pipe until the next Reload. Errors: kNotFound. REQUIRES: as Reload.
  env::Task<Status> StopPipe(std::string id);
  // All pipes tell their Fusions, now and whenever a session begins.
  void TellConfig(batch::ConfigReport report);

  // Closes all sessions, side by side, and stops the sources.
  env::Task<void> Stop();

  AgentState state() const;

 private:
  class Member;
  class SharedSource;
  // What a pipe depends on.
  struct Plan {
    std::string agent_id;
    PipeConfig pipe;
    SourceConfig source;
    SenderConfig sender;

    friend bool operator==(const Plan&, const Plan&) = default;
  };

  static std::map<std::string, Plan> PlansOf(const AgentConfig& config);
  Status Admit(const AgentConfig& config) const;
  void Add(const std::string& id, Plan plan);
  env::Task<void> StopMembers(std::vector<std::string> ids);
  env::Task<void> StopOne(Member* member);
  std::shared_ptr<SharedSource> SourceOf(const Plan& plan);
  // Stops those that no pipe reads and none of `plans` will.
  env::Task<void> StopSources(const std::map<std::string, Plan>& plans);

  env::Executor& data_;
  env::Executor& control_;
  const Ports ports_;
  const Logger log_;
  Prng prng_;
  std::string agent_id_;
  std::optional<batch::ConfigReport> config_;
  std::vector<std::shared_ptr<SharedSource>> sources_;
  std::map<std::string, std::unique_ptr<Member>> members_;  // By pipe.
  env::TaskGroup stops_;
};

}  // namespace fustor::agent
