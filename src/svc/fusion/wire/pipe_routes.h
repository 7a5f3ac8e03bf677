// pipe_routes.h: the doors for agents that speak HTTP: sessions, rows in JSON, audits, sweeps
// (docs/http-api.md, "Agents").
//
// A session opens with the push key of a pipe. After that its id, which nobody can guess, is the
// credential, unless the receiver demands the key as well. An agent hears 419 when its session is
// obsolete, and opens a new one.
//
// A request that posts rows is refused before its body is read when the session is obsolete or too
// much waits to be applied (session_host.h); it is answered when readers see the rows. Sessions and
// heartbeats are parsed and answered on the control executor, rows are decoded on the ingest
// executor: neither waits for the other. Handlers are thread-safe.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "base/metrics.h"
#include "env/executor.h"
#include "lib/http/http.h"
#include "lib/json/tape.h"
#include "svc/fusion/flow/session_host.h"
#include "svc/fusion/flow/view.h"

namespace fustor::fusion {

// All must outlive the router.
struct PipePorts {
  SessionHost& host;
  ViewSet& views;
  env::Executor& control;
  env::Executor& ingest;  // May be the control executor in tests.
  // Used on that executor alone.
  std::shared_ptr<json::TapeParser> control_parser;
  std::shared_ptr<json::TapeParser> ingest_parser;
  MetricRegistry& metrics;
  Logger log;
};

// Adds /api/v1/pipe and all below it, the routes of older agents (/ingestor-api/v1) and PUT
// /api/v1/views/{view}/suspect-list. `receiver`: sessions open with the keys of its pipes; empty:
// of all receivers.
void AddPipeRoutes(http::Router& router, std::string receiver, PipePorts ports);

}  // namespace fustor::fusion
