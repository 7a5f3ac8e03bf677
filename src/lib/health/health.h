// health.h: whether a service lives, whether it is ready, and if not, why.
//
// Pure: the owner passes the time in. One owner; what runs elsewhere tells the owner through its
// executor. A fixed handful of components, added at start.
//
// Live: restarting the process would not help. Ready: requests sent here will be answered. The
// JSON is what /health and /ready answer, with 200 when live() or ready(), else 503.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace fustor::health {

enum class State { kOk, kDegraded, kFailed };

// "ok", "degraded", "failed".
std::string_view StateName(State state);

// What depends on a component that has failed.
enum class Matters {
  kInforms,  // Nothing; it is only shown.
  kReady,    // The service is not ready.
  kLive,     // The service is neither ready nor live.
};

class Health {
 public:
  Health(std::string service, std::string version)
      : service_(std::move(service)), version_(std::move(version)) {}

  // A component is failed with the reason "starting" until it is set. REQUIRES: the name is new.
  // A kLive component that has not been set yet does not count as dead.
  void Add(std::string name, Matters matters, WallTime now);

  // `reason` is a sentence for a person; dropped for kOk. Returns true when the state changed.
  // REQUIRES: the component was added.
  bool Set(std::string_view name, State state, std::string_view reason, WallTime now);

  bool live() const;
  bool ready() const;
  // kFailed when not live or not ready, kDegraded when any component is not kOk, else kOk.
  State overall() const;

  // {"status":"degraded","live":true,"ready":true,"service":...,"version":...,
  //  "components":{"watch":{"status":"degraded","reason":"...","since":"2026-..."}}}
  std::string HealthJson() const;
  // {"ready":false,"waiting_for":[{"component":"snapshot","reason":"..."}]}
  std::string ReadyJson() const;

 private:
  struct Component {
    std::string name;
    Matters matters;
    State state = State::kFailed;
    bool started = false;
    std::string reason = "starting";
    WallTime since;
  };

  std::string service_;
  std::string version_;
  std::vector<Component> components_;
};

}  // namespace fustor::health
