// management_routes.h: what operators' programs do with a Fusion over HTTP
// (docs/http-api.md, "Management").
//
// Only keys of management.api_keys open these routes; without such a key in the configuration they
// answer 404 and say why. Each call leaves a line in the log: who, what, with what outcome. No
// answer holds a secret. Handlers are thread-safe; what touches sessions runs on the control
// executor.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "env/executor.h"
#include "env/task.h"
#include "lib/http/http.h"
#include "lib/json/tape.h"
#include "svc/fusion/flow/session_host.h"
#include "svc/fusion/flow/view.h"

namespace fustor::fusion {

// What is asked of whoever owns the configuration's files.
struct ConfigRequest {
  enum class Kind { kShow, kUpdate, kReload };
  Kind kind = Kind::kShow;
  std::string patch = {};  // kUpdate: JSON or YAML, as RFC 7396.
  bool dry_run = false;    // kUpdate: only say whether it would be taken.
};
struct ConfigAnswer {
  std::string filename;
  std::string yaml;  // Without secrets.
};

// All must outlive the router.
struct ManagementPorts {
  SessionHost& host;
  ViewSet& views;
  env::Executor& control;
  std::shared_ptr<json::TapeParser> control_parser;  // Used on the control executor alone.
  // Answers later, from any thread. Empty: this Fusion has no configuration files.
  using Answer = env::Completion<Result<ConfigAnswer>>::Resolver;
  std::function<void(ConfigRequest, Answer)> config;
  std::string version;
  Logger log;
};

// Adds /api/v1/management and all below it.
void AddManagementRoutes(http::Router& router, ManagementPorts ports);

}  // namespace fustor::fusion
