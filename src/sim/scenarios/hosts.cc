#include "sim/scenarios/hosts.h"

#include <utility>

#include "base/check.h"
#include "sim/scenarios/trace.h"

namespace fustor::sim {
namespace {

constexpr char kReceiverId[] = "r";
constexpr char kPipeId[] = "p";
constexpr char kPushKey[] = "k";
constexpr char kFolder[] = "checkpoints/v";
constexpr char kFirstCheckpoint[] = "checkpoints/v/000000000001.checkpoint";

fusion::FusionConfig ConfigOf(const FusionHost::Options& options) {
  fusion::FusionConfig config;
  fusion::ReceiverConfig& receiver = config.receivers[kReceiverId];
  receiver.api_keys.push_back({kPushKey, kPipeId});
  config.views[kViewId] = options.view;
  fusion::PipeConfig& pipe = config.pipes[kPipeId];
  pipe = options.pipe;
  pipe.receiver = kReceiverId;
  pipe.views = {kViewId};
  return config;
}

std::optional<fusion::CheckpointPorts> CheckpointsOn(VirtualExecutor* executor, VirtualDisk& disk) {
  if (executor == nullptr) return std::nullopt;
  return fusion::CheckpointPorts{*executor, disk, disk, "checkpoints"};
}

env::Task<void> Push(fusion::SessionHost& sessions, fusion::SessionHost::Entry entry,
                     fusion::SessionHost::Posted posted, FusionHost::Answered answered) {
  env::Task<Status> push = sessions.Push(std::move(entry), std::move(posted));
  const Status status = co_await std::move(push);
  answered(status);
}

env::Task<void> EndAudit(fusion::SessionHost& sessions, FusionHost::Answered answered) {
  env::Task<Result<std::size_t>> mark = sessions.MarkScan(kPipeId, batch::Source::kAudit, false);
  const Result<std::size_t> marked = co_await std::move(mark);
  answered(marked.status());
}

env::Callback Calling(std::function<void()> f) { return env::Callback(std::move(f)); }

}  // namespace

// --- Fusion --------------------------------------------------------------------------------------

FusionHost::FusionHost(World& world, Network& network, VirtualLog& log, Options options)
    : world_(world),
      network_(network),
      log_(log),
      options_(std::move(options)),
      clock_(world.MakeClock()) {}

FusionHost::Process::Process(FusionHost& host, int number)
    : control(host.world_.MakeExecutor(host.name() + "-control", host.clock_)),
      ingest(host.world_.MakeExecutor(host.name() + "-ingest", host.clock_)),
      shard(host.world_.MakeExecutor(host.name() + "-shard", host.clock_)),
      disk(host.disk_.List(kFolder).ok()
               ? &host.world_.MakeExecutor(host.name() + "-disk", host.clock_)
               : nullptr),
      random(host.world_.Derive(host.name() + std::to_string(number))),
      fusion({control, [this](const std::string&) -> env::Executor& { return shard; }, random,
              metrics, Logger(host.log_, "fusion"), CheckpointsOn(disk, host.disk_)}),
      service(kReceiverId, fusion.sessions(), control, ingest, std::make_unique<NoCompressor>(),
              metrics, Logger(host.log_, "fusion")),
      posts(control) {}

void FusionHost::Start() {
  FUSTOR_CHECK(!running());
  process_ = std::make_unique<Process>(*this, ++starts_);
  Process& process = *process_;
  process.service.AddMethods(&process.methods);
  process.control.Post(Calling([this] {
    const Status configured = process_->fusion.Configure(ConfigOf(options_));
    FUSTOR_CHECK(configured.ok(), configured.message());
    process_->server = std::make_unique<Server>(network_, options_.name, process_->methods);
  }));
}

void FusionHost::Crash() {
  if (!running()) return;
  Process& process = *process_;
  if (process.server != nullptr) process.server->Crash();
  for (VirtualExecutor* executor :
       {&process.control, &process.ingest, &process.shard, process.disk}) {
    if (executor != nullptr) executor->Kill();
  }
  process.posts.Abandon();
  process_.reset();
}

fusion::SessionHost::Caller FusionHost::CallerOf(const std::string& agent) {
  return {kReceiverId, kPushKey, "sim:" + agent};
}

void FusionHost::UseSessions(Use use) {
  if (!running()) return;
  process_->control.Post(
      Calling([this, use = std::move(use)] { use(process_->fusion.sessions(), process_->posts); }));
}

void FusionHost::PostRows(fusion::SessionHost::Caller caller, std::string session_id,
                          fusion::SessionHost::Posted posted, Answered answered) {
  UseSessions(
      [caller = std::move(caller), session_id = std::move(session_id), posted = std::move(posted),
       answered = std::move(answered)](fusion::SessionHost& sessions, env::TaskGroup& posts) {
        Result<fusion::SessionHost::Entry> entry = sessions.Admit(caller, session_id, 1000);
        if (!entry.ok()) return answered(entry.status());
        posts.Spawn(Push(sessions, *std::move(entry), posted, answered));
      });
}

void FusionHost::PostAuditEnd(Answered answered) {
  UseSessions(
      [answered = std::move(answered)](fusion::SessionHost& sessions, env::TaskGroup& posts) {
        posts.Spawn(EndAudit(sessions, answered));
      });
}

void FusionHost::Pause(std::uint64_t which, Nanos duration) {
  VirtualExecutor* const executors[] = {&process_->shard, &process_->ingest, &process_->control};
  executors[which % 3]->Pause(duration);
}

void FusionHost::KeepCheckpoint() {
  if (!options_.keeps_checkpoints || !running() || process_->disk != nullptr) return;
  if (world_.now() - kept_at_ < options_.view.checkpoint_interval) return;
  const std::shared_ptr<fusion::View> shown = view();
  const auto status = shown == nullptr ? nullptr : shown->status();
  if (status == nullptr || !status->was_ready_once) return;
  kept_at_ = world_.now();
  checkpoint::Header header;
  header.view_id = kViewId;
  header.written_at = clock_->Now();
  header.fresh_until =
      status->ready ? header.written_at : status->unready_since.value_or(header.written_at);
  for (const auto& reporter : status->reporters) {
    header.reporters.push_back({reporter.agent_id, reporter.source_uri});
  }
  checkpoint::Encoder encoder(std::move(header), shown->Pin().value());
  std::string bytes;
  while (encoder.Next(&bytes).value()) {
  }
  const auto sink = disk_.Create(kFirstCheckpoint, 0600).value();
  FUSTOR_CHECK(sink->Append(bytes).ok() && sink->Commit().ok());
}

std::shared_ptr<fusion::View> FusionHost::view() const {
  return running() ? process_->fusion.Find(kViewId) : nullptr;
}

void ChooseCheckpoints(Prng prng, FusionHost::Options* options) {
  constexpr Nanos kIntervals[] = {Seconds(5), Seconds(60), Seconds(400)};
  options->keeps_checkpoints = prng.Chance(1, 3);
  options->view.checkpoint_interval = kIntervals[prng.Below(std::size(kIntervals))];
  options->view.checkpoints_kept = 1 + prng.Below(3);
}

// --- Agent ---------------------------------------------------------------------------------------

AgentHost::AgentHost(World& world, Network& network, FileSystem& fs, VirtualLog& log,
                     Options options)
    : world_(world),
      network_(network),
      fs_(fs),
      log_(log),
      options_(std::move(options)),
      clock_(world.MakeClock()) {
  clock_->Set(options_.clock_ahead);
}

void AgentHost::Start() {
  FUSTOR_CHECK(!running());
  process_ = std::make_unique<Process>();
  Process& process = *process_;
  const std::string& name = options_.name;
  process.data = &world_.MakeExecutor(name + "-data", clock_);
  process.control = &world_.MakeExecutor(name + "-control", clock_);
  process.data_channel = network_.Connect(name, options_.fusion, kDataLane);
  process.control_channel = network_.Connect(name, options_.fusion, kControlLane);
  agent::GrpcLink::Options link;
  link.key = kPushKey;
  process.link = std::make_unique<agent::GrpcLink>(
      link, *process.data_channel, *process.control_channel, std::make_unique<NoCompressor>());
  if (options_.wrap) process.link = options_.wrap(std::move(process.link));
  if (log_.prints()) {
    process.link = std::make_unique<TracedLink>(std::move(process.link), log_, name);
  }
  agent::Pipe::Options pipe;
  pipe.task_id = name + ":" + kPipeId;
  pipe.agent_id = name;
  pipe.source_uri = "/sim";
  pipe.session_timeout = options_.session_timeout;
  pipe.backoff_min = options_.backoff_min;
  pipe.backoff_max = options_.backoff_max;
  pipe.seed = world_.Derive(name + std::to_string(++starts_)).Next();
  process.data->Post(Calling([this, pipe] {
    Process& p = *process_;
    p.tree = std::make_unique<VirtualTree>(world_, fs_, clock_, options_.tree);
    p.source = std::make_unique<agent::Source>(options_.source, *p.data, *p.tree,
                                               Logger(log_, options_.name));
    p.source->Start();
    p.pipe = std::make_unique<agent::Pipe>(pipe, *p.data, *p.control, *p.source, *p.link,
                                           Logger(log_, options_.name));
    p.pipe->Start();
  }));
}

void AgentHost::Crash() {
  if (!running()) return;
  Process& process = *process_;
  process.data->Kill();
  process.control->Kill();
  if (process.pipe != nullptr) process.pipe->Abandon();
  if (process.source != nullptr) process.source->Abandon();
  process_.reset();
}

void AgentHost::Pause(bool heartbeats, Nanos duration) {
  (heartbeats ? process_->control : process_->data)->Pause(duration);
}

void AgentHost::LoseEvents() {
  if (process_->tree != nullptr) process_->tree->watch().Overflow();
}

std::uint64_t AgentHost::overflows() const {
  return running() && process_->tree != nullptr ? process_->tree->watch().overflows() : 0;
}

bool AgentHost::idle() const {
  const Process& process = *process_;
  return process.pipe != nullptr && process.tree->idle() &&
         !process.source->observer().scanning() && process.pipe->state().connected &&
         process.pipe->state().unacknowledged_bytes == 0;
}

}  // namespace fustor::sim
