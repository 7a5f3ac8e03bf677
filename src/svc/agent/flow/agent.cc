#include "svc/agent/flow/agent.h"

#include <algorithm>
#include <utility>

#include "base/path.h"
#include "svc/agent/core/support.h"

namespace fustor::agent {
namespace {

// A configured interval of nothing must not become a busy loop.
constexpr Nanos kBackOffMin = Millis(100);

Nanos Shortest(const PipeConfig& pipe) { return std::max(pipe.error_retry_interval, kBackOffMin); }
Nanos Longest(const PipeConfig& pipe) { return std::max(pipe.backoff_max, Shortest(pipe)); }

}  // namespace

// One pipe with all that it needs.
class Agent::Member {
 public:
  Member(Agent& agent, std::string id, Plan plan, std::uint64_t seed)
      : agent_(agent),
        id_(std::move(id)),
        plan_(std::move(plan)),
        seed_(seed),
        opening_(agent.data_) {}

  const Plan& plan() const { return plan_; }
  void Start() { opening_.Spawn(Open()); }
  env::Task<void> Stop();
  PipeState state() const;
  void TellConfig(const batch::ConfigReport& report) {
    if (pipe_ != nullptr) pipe_->TellConfig(report);
  }

 private:
  env::Task<void> Open();
  Status TryOpen();
  Pipe::Options PipeOptions() const;
  Source::Options SourceOptions() const;

  Agent& agent_;
  const std::string id_;
  const Plan plan_;
  const std::uint64_t seed_;
  std::string open_error_;
  std::unique_ptr<env::Tree> tree_;
  std::unique_ptr<FusionLink> link_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Pipe> pipe_;
  env::TaskGroup opening_;
};

Pipe::Options Agent::Member::PipeOptions() const {
  Pipe::Options options;
  options.task_id = plan_.agent_id + ":" + id_;
  options.agent_id = plan_.agent_id;
  options.source_uri = plan_.source.uri;
  options.session_timeout = plan_.pipe.session_timeout;
  // 0 would mean that Fusion decides.
  options.delete_fraction_max = std::max(plan_.source.delete_fraction_max, 1e-9);
  options.backoff_min = Shortest(plan_.pipe);
  options.backoff_max = Longest(plan_.pipe);
  options.backoff_multiplier = plan_.pipe.backoff_multiplier;
  options.seed = seed_;
  options.on_command = agent_.ports_.on_command;
  return options;
}

Source::Options Agent::Member::SourceOptions() const {
  Source::Options options;
  options.observer.throttle = plan_.source.throttle;
  options.observer.full_every = static_cast<std::uint32_t>(plan_.source.audit_full_every);
  options.observer.selection = Selection(plan_.source.exclude, plan_.source.file_pattern);
  options.bus.batch_rows_max = static_cast<std::size_t>(plan_.sender.batch_size);
  return options;
}

Status Agent::Member::TryOpen() {
  FUSTOR_TRY_ASSIGN(std::unique_ptr<env::Tree> tree, agent_.ports_.open_tree(plan_.source));
  FUSTOR_TRY_ASSIGN(link_, agent_.ports_.open_link(plan_.sender));
  tree_ = std::move(tree);
  const Logger& log = agent_.log_;
  source_ = std::make_unique<Source>(SourceOptions(), agent_.data_, *tree_, log);
  pipe_ =
      std::make_unique<Pipe>(PipeOptions(), agent_.data_, agent_.control_, *source_, *link_, log);
  if (agent_.config_) pipe_->TellConfig(*agent_.config_);
  source_->Start();
  pipe_->Start();
  const env::Tree::Info info = tree_->info();
  log.Info("pipe started", {{"pipe", id_}, {"root", info.root}, {"watch", info.watch_mechanism}});
  return {};
}

env::Task<void> Agent::Member::Open() {
  const std::stop_token stop = opening_.stop_token();
  Prng prng(seed_);
  Nanos step = Shortest(plan_.pipe);
  while (!stop.stop_requested()) {
    const Status opened = TryOpen();
    open_error_ = opened.message();
    if (opened.ok()) co_return;
    agent_.log_.Warn("a source cannot be opened, trying again",
                     {{"pipe", id_}, {"root", plan_.source.uri}, {"error", open_error_}});
    const Nanos wait(prng.Between(step.count() / 2, step.count()));
    step = std::min(step * 2, Longest(plan_.pipe));
    const Status slept = co_await env::SleepFor(wait, stop);
    if (!slept.ok()) co_return;
  }
}

env::Task<void> Agent::Member::Stop() {
  opening_.RequestStop();
  co_await opening_.Join();
  if (pipe_ == nullptr) co_return;
  co_await pipe_->Stop();
  co_await source_->Stop();
}

PipeState Agent::Member::state() const {
  PipeState state;
  state.id = id_;
  state.source = plan_.pipe.source;
  state.sender = plan_.pipe.sender;
  if (pipe_ == nullptr) {
    state.error = open_error_.empty() ? "starting" : open_error_;
    state.failing = !open_error_.empty();
    return state;
  }
  state.tree = tree_->info();
  state.scanning = source_->observer().scanning();
  state.seen = source_->observer().counters();
  state.directories = source_->observer().dirs().size();
  state.waiting_bytes = source_->waiting_bytes();
  state.pipe = pipe_->state();
  if (!state.pipe.connected) {
    state.error = state.pipe.last_error.empty() ? "connecting" : state.pipe.last_error;
  } else if (!state.pipe.heartbeat_error.empty()) {
    state.error = "heartbeats fail: " + state.pipe.heartbeat_error;
  }
  state.failing =
      state.pipe.failures_in_a_row >= static_cast<std::uint64_t>(plan_.pipe.consecutive_errors_max);
  return state;
}

// --- The agent -----------------------------------------------------------------------------------

Agent::Agent(env::Executor& data, env::Executor& control, Ports ports, std::uint64_t seed,
             Logger log)
    : data_(data),
      control_(control),
      ports_(std::move(ports)),
      log_(std::move(log)),
      prng_(seed),
      stops_(data) {}

Agent::~Agent() { FUSTOR_CHECK(members_.empty(), "an agent was destroyed before it stopped"); }

std::map<std::string, Agent::Plan> Agent::PlansOf(const AgentConfig& config) {
  std::map<std::string, Plan> plans;
  for (const auto& [id, pipe] : config.pipes) {
    if (pipe.disabled) continue;
    Plan plan{config.agent_id, pipe, config.sources.at(pipe.source),
              config.senders.at(pipe.sender)};
    if (plan.source.scan_workers == 0) plan.source.scan_workers = config.fs_scan_workers;
    plans.emplace(id, std::move(plan));
  }
  return plans;
}

Status Agent::Admit(const AgentConfig& config) const {
  Support support = CheckSupport(config);
  if (!support.status.ok()) return std::move(support.status);
  for (const std::string& warning : support.warnings) {
    log_.Warn("configuration", {{"warning", warning}});
  }
  return {};
}

void Agent::Add(const std::string& id, Plan plan) {
  auto member = std::make_unique<Member>(*this, id, std::move(plan), prng_.Next());
  member->Start();
  members_.emplace(id, std::move(member));
}

Status Agent::Start(AgentConfig config) {
  FUSTOR_TRY(Admit(config));
  agent_id_ = config.agent_id;
  for (auto& [id, plan] : PlansOf(config)) Add(id, std::move(plan));
  return {};
}

env::Task<Status> Agent::Reload(AgentConfig config) {
  FUSTOR_CO_TRY(Admit(config));
  agent_id_ = config.agent_id;
  std::map<std::string, Plan> plans = PlansOf(config);
  std::vector<std::string> leaving;
  for (const auto& [id, member] : members_) {
    const auto plan = plans.find(id);
    if (plan == plans.end() || plan->second != member->plan()) leaving.push_back(id);
  }
  for (const std::string& id : leaving) log_.Info("pipe stops", {{"pipe", id}});
  co_await StopMembers(std::move(leaving));
  for (auto& [id, plan] : plans) {
    if (!members_.contains(id)) Add(id, std::move(plan));
  }
  co_return Status();
}

env::Task<Status> Agent::StopPipe(std::string id) {
  if (!members_.contains(id)) {
    co_return Status(Code::kNotFound, "there is no pipe '" + PrintablePath(id) + "' that runs");
  }
  log_.Info("pipe stops", {{"pipe", id}});
  co_await StopMembers({id});
  co_return Status();
}

void Agent::TellConfig(batch::ConfigReport report) {
  for (const auto& [id, member] : members_) member->TellConfig(report);
  report.error.clear();
  config_ = std::move(report);
}

env::Task<void> Agent::Stop() {
  std::vector<std::string> all;
  for (const auto& [id, member] : members_) all.push_back(id);
  co_await StopMembers(std::move(all));
}

env::Task<void> Agent::StopOne(Member* member) { co_await member->Stop(); }

// Side by side: a Fusion that hangs must not make the others wait for their end.
env::Task<void> Agent::StopMembers(std::vector<std::string> ids) {
  for (const std::string& id : ids) stops_.Spawn(StopOne(members_.at(id).get()));
  co_await stops_.Join();
  for (const std::string& id : ids) members_.erase(id);
}

AgentState Agent::state() const {
  AgentState state;
  state.agent_id = agent_id_;
  for (const auto& [id, member] : members_) state.pipes.push_back(member->state());
  return state;
}

}  // namespace fustor::agent
