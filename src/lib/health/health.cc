#include "lib/health/health.h"

#include <algorithm>

#include "base/check.h"
#include "base/json_writer.h"

namespace fustor::health {

std::string_view StateName(State state) {
  switch (state) {
    case State::kOk:
      return "ok";
    case State::kDegraded:
      return "degraded";
    case State::kFailed:
      return "failed";
  }
  return "failed";
}

void Health::Add(std::string name, Matters matters, WallTime now) {
  const auto same = [&](const Component& c) { return c.name == name; };
  FUSTOR_CHECK(std::ranges::none_of(components_, same), name);
  components_.push_back({.name = std::move(name), .matters = matters, .since = now});
}

bool Health::Set(std::string_view name, State state, std::string_view reason, WallTime now) {
  const auto it = std::ranges::find(components_, name, &Component::name);
  FUSTOR_CHECK(it != components_.end(), name);
  const bool changed = !it->started || it->state != state;
  if (changed) it->since = now;
  it->started = true;
  it->state = state;
  it->reason = state == State::kOk ? "" : reason;
  return changed;
}

bool Health::live() const {
  return std::ranges::none_of(components_, [](const Component& c) {
    return c.matters == Matters::kLive && c.started && c.state == State::kFailed;
  });
}

bool Health::ready() const {
  return std::ranges::none_of(components_, [](const Component& c) {
    return c.matters != Matters::kInforms && c.state == State::kFailed;
  });
}

State Health::overall() const {
  if (!live() || !ready()) return State::kFailed;
  const bool all_ok =
      std::ranges::all_of(components_, [](const Component& c) { return c.state == State::kOk; });
  return all_ok ? State::kOk : State::kDegraded;
}

std::string Health::HealthJson() const {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("status").String(StateName(overall()));
  json.Key("live").Bool(live()).Key("ready").Bool(ready());
  json.Key("service").String(service_).Key("version").String(version_);
  json.Key("components").BeginObject();
  for (const Component& c : components_) {
    json.Key(c.name).BeginObject().Key("status").String(StateName(c.state));
    if (!c.reason.empty()) json.Key("reason").String(c.reason);
    json.Key("since").String(FormatUtc(c.since)).EndObject();
  }
  json.EndObject().EndObject();
  return text;
}

std::string Health::ReadyJson() const {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject().Key("ready").Bool(ready()).Key("waiting_for").BeginArray();
  for (const Component& c : components_) {
    if (c.matters == Matters::kInforms || c.state != State::kFailed) continue;
    json.BeginObject().Key("component").String(c.name).Key("reason").String(c.reason).EndObject();
  }
  json.EndArray().EndObject();
  return text;
}

}  // namespace fustor::health
