#include "svc/agent/flow/agent.h"

#include <algorithm>
#include <utility>

#include "base/path.h"
#include "env/signal.h"
#include "svc/agent/core/support.h"

namespace fustor::agent {
namespace {

// A configured interval of nothing must not become a busy loop.
constexpr Nanos kBackOffMin = Millis(100);

Nanos Shortest(const PipeConfig& pipe) { return std::max(pipe.error_retry_interval, kBackOffMin); }
Nanos Longest(const PipeConfig& pipe) { return std::max(pipe.backoff_max, Shortest(pipe)); }

// What a pipe may have changed while its session goes on.
PipeConfig WithoutIntervals(PipeConfig pipe) {
  const PipeConfig usual;
  pipe.audit_interval = usual.audit_interval;
  pipe.sentinel_interval = usual.sentinel_interval;
  pipe.error_retry_interval = usual.error_retry_interval;
  pipe.consecutive_errors_max = usual.consecutive_errors_max;
  pipe.backoff_multiplier = usual.backoff_multiplier;
  pipe.backoff_max = usual.backoff_max;
  return pipe;
}

Source::Options SourceOptionsOf(const SourceConfig& config) {
  Source::Options options;
  options.observer.throttle = config.throttle;
  options.observer.full_every = static_cast<std::uint32_t>(config.audit_full_every);
  options.observer.selection = Selection(config.exclude, config.file_pattern);
  return options;
}

// Tries for ever, from `shortest` apart to `longest`; false when it was stopped.
class Patience {
 public:
  Patience(std::uint64_t seed, Nanos shortest, Nanos longest)
      : prng_(seed), step_(shortest), longest_(longest) {}

  env::Task<bool> Wait(std::stop_token stop) {
    const Nanos wait(prng_.Between(step_.count() / 2, step_.count()));
    step_ = std::min(step_ * 2, longest_);
    const Status slept = co_await env::SleepFor(wait, std::move(stop));
    co_return slept.ok();
  }

 private:
  Prng prng_;
  Nanos step_;
  const Nanos longest_;
};

}  // namespace

// A tree, what is seen in it, and the pipes that wait for it.
class Agent::SharedSource {
 public:
  SharedSource(Agent& agent, SourceConfig signature, const PipeConfig& pipe, std::uint64_t seed)
      : agent_(agent),
        config_(std::move(signature)),
        patience_(seed, Shortest(pipe), Longest(pipe)),
        opening_(agent.data_) {}

  const SourceConfig& config() const { return config_; }
  void Start() { opening_.Spawn(Open()); }
  // REQUIRES: no pipe reads it.
  env::Task<void> Stop() {
    opening_.RequestStop();
    co_await opening_.Join();
    if (source_ != nullptr) co_await source_->Stop();
  }
  Source* source() { return source_.get(); }  // nullptr: it is not open.
  const std::string& error() const { return error_; }

  // `opened` is set when the source has been opened.
  void Await(env::Signal* opened) { waiting_.push_back(opened); }
  void DoNotAwait(env::Signal* opened) { std::erase(waiting_, opened); }

 private:
  env::Task<void> Open() {
    const std::stop_token stop = opening_.stop_token();
    for (;;) {
      Result<std::unique_ptr<env::Tree>> tree = agent_.ports_.open_tree(config_);
      error_ = tree.status().message();
      if (tree.ok()) {
        tree_ = std::move(tree).value();
        break;
      }
      agent_.log_.Warn("a source cannot be opened, trying again",
                       {{"root", config_.uri}, {"error", error_}});
      const bool waited = co_await patience_.Wait(stop);
      if (!waited) co_return;
    }
    source_ = std::make_unique<Source>(SourceOptionsOf(config_), agent_.data_, *tree_, agent_.log_);
    source_->Start();
    const env::Tree::Info info = tree_->info();
    agent_.log_.Info("source opened", {{"root", info.root}, {"watch", info.watch_mechanism}});
    for (env::Signal* opened : waiting_) opened->Set();
  }

  Agent& agent_;
  const SourceConfig config_;
  Patience patience_;
  std::string error_;
  std::unique_ptr<env::Tree> tree_;
  std::unique_ptr<Source> source_;
  std::vector<env::Signal*> waiting_;
  env::TaskGroup opening_;
};

// One pipe with all that it needs.
class Agent::Member {
 public:
  Member(Agent& agent, std::string id, Plan plan, std::shared_ptr<SharedSource> source,
         std::uint64_t seed)
      : agent_(agent),
        id_(std::move(id)),
        plan_(std::move(plan)),
        seed_(seed),
        source_(std::move(source)),
        opening_(agent.data_) {
    source_->Await(&source_opened_);
  }
  ~Member() { source_->DoNotAwait(&source_opened_); }
  Member(const Member&) = delete;

  // True: the plan is carried out without a new session.
  bool Change(const Plan& plan);
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

  Agent& agent_;
  const std::string id_;
  Plan plan_;
  const std::uint64_t seed_;
  std::string open_error_;
  const std::shared_ptr<SharedSource> source_;
  env::Signal source_opened_;
  std::unique_ptr<FusionLink> link_;
  std::unique_ptr<Pipe> pipe_;
  env::TaskGroup opening_;
};

bool Agent::Member::Change(const Plan& plan) {
  Plan alike = plan;
  alike.pipe = WithoutIntervals(plan.pipe);
  Plan now = plan_;
  now.pipe = WithoutIntervals(plan_.pipe);
  // Two entries of the configuration may say the same.
  alike.pipe.source = now.pipe.source;
  alike.pipe.sender = now.pipe.sender;
  if (alike != now) return false;
  if (plan != plan_) agent_.log_.Info("pipe changed in place", {{"pipe", id_}});
  plan_ = plan;
  if (pipe_ != nullptr) {
    pipe_->SetBackOff(Shortest(plan.pipe), Longest(plan.pipe), plan.pipe.backoff_multiplier);
  }
  return true;
}

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
  options.fields_mapping = plan_.pipe.fields_mapping;
  options.batch_rows_max = static_cast<std::size_t>(plan_.sender.batch_size);
  options.seed = seed_;
  options.on_command = agent_.ports_.on_command;
  return options;
}

Status Agent::Member::TryOpen() {
  FUSTOR_TRY_ASSIGN(link_, agent_.ports_.open_link(plan_.sender));
  pipe_ = std::make_unique<Pipe>(PipeOptions(), agent_.data_, agent_.control_, *source_->source(),
                                 *link_, agent_.log_);
  if (agent_.config_) pipe_->TellConfig(*agent_.config_);
  pipe_->Start();
  agent_.log_.Info("pipe started", {{"pipe", id_}, {"root", plan_.source.uri}});
  return {};
}

env::Task<void> Agent::Member::Open() {
  const std::stop_token stop = opening_.stop_token();
  while (source_->source() == nullptr) {
    const Status waited = co_await source_opened_.Wait(Instant::Max(), stop);
    if (!waited.ok()) co_return;
  }
  Patience patience(seed_, Shortest(plan_.pipe), Longest(plan_.pipe));
  while (!stop.stop_requested()) {
    const Status opened = TryOpen();
    open_error_ = opened.message();
    if (opened.ok()) co_return;
    agent_.log_.Warn("a sender cannot be opened, trying again",
                     {{"pipe", id_}, {"error", open_error_}});
    const bool waited = co_await patience.Wait(stop);
    if (!waited) co_return;
  }
}

env::Task<void> Agent::Member::Stop() {
  opening_.RequestStop();
  co_await opening_.Join();
  if (pipe_ != nullptr) co_await pipe_->Stop();
}

PipeState Agent::Member::state() const {
  PipeState state;
  state.id = id_;
  state.source = plan_.pipe.source;
  state.sender = plan_.pipe.sender;
  if (const Source* source = source_->source(); source != nullptr) {
    state.tree = source->tree_info();
    state.seen = source->observer().counters();
    state.directories = source->observer().dirs().size();
    state.readers = source->reader_count();
  }
  if (pipe_ == nullptr) {
    const std::string& error = state.tree ? open_error_ : source_->error();
    state.error = error.empty() ? "starting" : error;
    state.failing = !error.empty();
    return state;
  }
  state.pipe = pipe_->state();
  state.scanning = pipe_->reader().scanning();
  state.waiting_bytes = pipe_->reader().waiting_bytes();
  state.split = pipe_->reader().is_split();
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

std::shared_ptr<Agent::SharedSource> Agent::SourceOf(const Plan& plan) {
  const SourceConfig signature = SourceSignature(plan.source);
  for (const std::shared_ptr<SharedSource>& source : sources_) {
    if (source->config() == signature) return source;
  }
  sources_.push_back(std::make_shared<SharedSource>(*this, signature, plan.pipe, prng_.Next()));
  sources_.back()->Start();
  return sources_.back();
}

void Agent::Add(const std::string& id, Plan plan) {
  std::shared_ptr<SharedSource> source = SourceOf(plan);
  auto member =
      std::make_unique<Member>(*this, id, std::move(plan), std::move(source), prng_.Next());
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
    if (plan == plans.end() || !member->Change(plan->second)) leaving.push_back(id);
  }
  for (const std::string& id : leaving) log_.Info("pipe stops", {{"pipe", id}});
  co_await StopMembers(std::move(leaving));
  // Before others are opened: there may be few watches.
  co_await StopSources(plans);
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
  co_await StopSources({});
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
  co_await StopSources({});
}

env::Task<void> Agent::StopSources(const std::map<std::string, Plan>& plans) {
  const auto wanted = [&](const SharedSource& source) {
    return std::ranges::any_of(plans, [&](const auto& plan) {
      return SourceSignature(plan.second.source) == source.config();
    });
  };
  std::vector<std::shared_ptr<SharedSource>> unread;
  std::erase_if(sources_, [&](const std::shared_ptr<SharedSource>& source) {
    const bool read = source.use_count() > 1 || wanted(*source);
    if (!read) unread.push_back(source);
    return !read;
  });
  for (const auto& source : unread) stops_.Spawn(source->Stop());
  co_await stops_.Join();
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
