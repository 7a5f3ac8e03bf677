// remote.h: what operators ask of the configuration over the management API.
//
// Requests come in on threads of the node and are carried out by the thread that runs main, one
// after the other. A change is checked as a whole before anything is written; the file is replaced
// at once, with the old one beside it (".bak"), and put back when the new one cannot be used.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "apps/process/configuration.h"
#include "apps/process/signals.h"
#include "base/result.h"
#include "svc/fusion/core/config.h"
#include "svc/fusion/wire/management_routes.h"

namespace fustor::fusion {

// Reads the configuration as it would be with a change. Errors: what is wrong with it.
Result<FusionConfig> LoadFusionConfig(const std::string& given, const process::FileChange& change);

class Remote {
 public:
  static constexpr std::size_t kWaitingMax = 16;  // More are refused: kResourceExhausted.

  // `given`: as for process::LoadConfiguration. `signals` must outlive the object.
  Remote(std::string given, process::Signals& signals)
      : given_(std::move(given)), signals_(signals) {}

  // Any thread; wakes main.
  void Take(ConfigRequest request, ManagementPorts::Answer answer);

  // The thread of main. `reload` reads the configuration and uses it.
  using Reload = std::function<Status()>;
  void CarryOut(const Reload& reload);
  // Nothing is carried out any more.
  void Stop();

 private:
  Result<ConfigAnswer> CarryOutOne(const ConfigRequest& request, const Reload& reload);
  Result<ConfigAnswer> Show() const;
  Result<ConfigAnswer> Update(const ConfigRequest& request, const Reload& reload);

  const std::string given_;
  process::Signals& signals_;
  std::mutex mutex_;
  bool stopped_ = false;
  std::deque<std::pair<ConfigRequest, ManagementPorts::Answer>> waiting_;
};

}  // namespace fustor::fusion
