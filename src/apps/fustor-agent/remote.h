// remote.h: what Fusion asks of this agent as a whole: to read its configuration again, to change
// it, to stop a pipe, to have itself upgraded.
//
// Commands come in on the data thread and are carried out by the thread that runs main, one after
// the other: a configuration that does not load leaves everything as it was. What came of each is
// told to Fusion with the configuration, which holds no secrets.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "adapters/posix/child.h"
#include "apps/agent/node.h"
#include "apps/process/configuration.h"
#include "apps/process/signals.h"
#include "base/log.h"
#include "base/result.h"
#include "lib/batch/session.h"
#include "svc/agent/core/config.h"

namespace fustor::agent {

// Reads the configuration as it would be with a change. Errors: what is wrong with it.
Result<AgentConfig> LoadAgentConfig(const std::string& given, const process::FileChange& change);

class Remote {
 public:
  static constexpr std::size_t kWaitingMax = 16;  // More are refused.

  // `given`: as for process::LoadConfiguration. `reload` reads the configuration and uses it.
  // `signals` must outlive the object.
  Remote(std::string given, process::Signals& signals, Logger log)
      : given_(std::move(given)), signals_(signals), log_(std::move(log)) {}

  // Any thread; wakes main.
  void Take(batch::Command command);

  // The thread of main.
  using Reload = std::function<Status()>;
  void CarryOut(Node& node, const Reload& reload);
  // Whether an upgrade hook runs: then CarryOut wants to be called now and then.
  bool upgrading() const { return upgrade_.has_value(); }
  // Tells Fusion what the configuration is now; `error` is what came of a command.
  void Tell(Node& node, std::string error);

 private:
  Status CarryOutOne(const batch::Command& command, Node& node, const Reload& reload);
  Status Upgrade(const std::string& hook, const std::string& version);
  void NoteUpgrade(Node& node);
  Status Update(const batch::Command& command, const Reload& reload);

  const std::string given_;
  process::Signals& signals_;
  const Logger log_;
  std::mutex mutex_;
  std::deque<batch::Command> waiting_;  // Guarded by mutex_.
  std::optional<posix::Child> upgrade_;
};

}  // namespace fustor::agent
