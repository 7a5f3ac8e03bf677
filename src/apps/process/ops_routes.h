// ops_routes.h: GET /health, /ready and /metrics, which every service has. No key is asked for.
#pragma once

#include <functional>

#include "adapters/prometheus/registry.h"
#include "lib/health/health.h"
#include "lib/http/http.h"

namespace fustor::process {

// `health` is called for every request, on any thread, and tells how things are now. `registry`
// must outlive the router's use.
void AddOpsRoutes(http::Router& router, prometheus::Registry& registry,
                  std::function<health::Health()> health);

}  // namespace fustor::process
