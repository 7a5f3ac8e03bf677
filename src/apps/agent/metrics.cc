#include "apps/agent/metrics.h"

namespace fustor::agent {
namespace {

// Nothing that the data thread does in one go should take this long.
constexpr Nanos kStateAgeMax = Seconds(30);

}  // namespace

void Metrics::Gauge(const std::string& pipe, const char* name, const char* help,
                    std::uint64_t value) {
  registry_.AddGauge(name, help, {{"pipe", pipe}}).Set(static_cast<std::int64_t>(value));
}

void Metrics::Count(const std::string& pipe, const char* name, const char* help,
                    std::uint64_t value) {
  std::uint64_t& last = last_[{pipe, name}];
  registry_.AddCounter(name, help, {{"pipe", pipe}}).Add(value >= last ? value - last : value);
  last = value;
}

void Metrics::Show(const AgentState& state) {
  for (auto& [id, there] : pipes_) there = false;
  for (const PipeState& pipe : state.pipes) pipes_[pipe.id] = true;
  std::vector<PipeState> pipes = state.pipes;
  for (const auto& [id, there] : pipes_) {
    if (!there) pipes.emplace_back().id = id;
  }
  for (const PipeState& p : pipes) {
    const env::Tree::Info tree = p.tree.value_or(env::Tree::Info{});
    Gauge(p.id, "fustor_agent_pipe_connected", "Whether the pipe has a session and a stream.",
          p.pipe.connected ? 1 : 0);
    Gauge(p.id, "fustor_agent_pipe_leader", "Whether the pipe leads.",
          p.pipe.role == batch::Role::kLeader ? 1 : 0);
    Gauge(p.id, "fustor_agent_unacknowledged_bytes", "Sent and not yet applied by Fusion.",
          p.pipe.unacknowledged_bytes);
    Gauge(p.id, "fustor_agent_waiting_bytes", "Seen and not yet sent.", p.waiting_bytes);
    Gauge(p.id, "fustor_agent_scanning", "Whether a scan of the whole tree goes on.",
          p.scanning ? 1 : 0);
    Gauge(p.id, "fustor_agent_directories", "Directories known.", p.directories);
    Gauge(p.id, "fustor_agent_watches", "Directories watched.", tree.watches);
    Count(p.id, "fustor_agent_rows_sent_total", "Rows sent.", p.pipe.rows_sent);
    Count(p.id, "fustor_agent_sweeps_total", "Sweeps of Fusion's suspects.", p.pipe.sweeps);
    Count(p.id, "fustor_agent_swept_files_total", "Files looked at in sweeps.", p.pipe.swept);
    Count(p.id, "fustor_agent_swept_differing_total",
          "Of these, files that were not as Fusion knew them.", p.pipe.swept_differing);
    Count(p.id, "fustor_agent_swept_unreported_total",
          "Of these, files whose change nobody had reported.", p.pipe.swept_unreported);
    Count(p.id, "fustor_agent_sessions_total", "Sessions opened.", p.pipe.sessions);
    Count(p.id, "fustor_agent_events_total", "Events of the file system.", p.seen.events);
    Count(p.id, "fustor_agent_overflows_total", "Times that events were lost.", p.seen.overflows);
    Count(p.id, "fustor_agent_directories_listed_total", "Directories listed.",
          p.seen.directories_listed);
    Count(p.id, "fustor_agent_directories_silent_total",
          "Directories that audits passed by, because they were unchanged.",
          p.seen.directories_silent);
    Count(p.id, "fustor_agent_entries_listed_total", "Entries found by listing.",
          p.seen.entries_listed);
    Count(p.id, "fustor_agent_directories_failed_total", "Directories that could not be read.",
          p.seen.directories_failed);
    Count(p.id, "fustor_agent_directories_unwatched_total",
          "Directories listed that could not be watched.", p.seen.unwatched);
  }
}

health::Health MakeHealth(const std::string& version, const AgentState& state, Nanos age,
                          WallTime now) {
  using health::Matters;
  using health::State;
  health::Health health("fustor-agent", version);
  health.Add("data", Matters::kInforms, now);
  const bool stuck = age > kStateAgeMax;
  const auto age_s = std::chrono::duration_cast<Seconds>(age).count();
  health.Set("data", stuck ? State::kDegraded : State::kOk,
             "the data thread has said nothing for " + std::to_string(age_s) + " s", now);
  for (const PipeState& pipe : state.pipes) {
    const std::string name = "pipe:" + pipe.id;
    health.Add(name, Matters::kReady, now);
    const bool works = pipe.pipe.connected && !pipe.failing;
    const State how = !works ? State::kFailed : pipe.error.empty() ? State::kOk : State::kDegraded;
    health.Set(name, how, pipe.error, now);
    if (!pipe.tree) continue;
    const std::string watch = "watch:" + pipe.id;
    const std::string& limits = pipe.tree->watch_limits;
    health.Add(watch, Matters::kInforms, now);
    health.Set(watch, limits.empty() ? State::kOk : State::kDegraded, limits, now);
  }
  return health;
}

}  // namespace fustor::agent
