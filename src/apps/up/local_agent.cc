#include "apps/up/local_agent.h"

#include <utility>

#include "adapters/posix/random.h"
#include "adapters/posix/tree.h"
#include "adapters/zstd/zstd.h"

namespace fustor::up {

LocalAgent::LocalAgent(const env::MethodTable& fusion)
    : data_(asio::StartThread("agent-data")),
      control_(asio::StartThread("agent-control")),
      reports_(fusion),
      calls_(fusion) {}

LocalAgent::~LocalAgent() { Stop(); }

Result<std::unique_ptr<LocalAgent>> LocalAgent::Start(Options options,
                                                      const std::vector<Root>& roots,
                                                      const env::MethodTable& fusion, Logger log) {
  std::unique_ptr<LocalAgent> agent(new LocalAgent(fusion));
  for (std::size_t i = 0; i < roots.size(); ++i) {
    FUSTOR_TRY(agent->Add(options, roots[i], options.keys.at(i), log));
  }
  asio::BlockOn(*agent->data_, agent->StartAll());
  return agent;
}

Status LocalAgent::Add(const Options& options, const Root& root, const std::string& key,
                       Logger log) {
  Member member;
  posix::TreeOptions tree;
  tree.threads = options.scan_threads;
  tree.one_file_system = options.one_file_system;
  FUSTOR_TRY_ASSIGN(member.tree, posix::OpenTree(root.directory, tree, log));
  member.source =
      std::make_unique<agent::Source>(agent::Source::Options{}, *data_, *member.tree, log);
  agent::GrpcLink::Options link;
  link.key = key;
  member.link =
      std::make_unique<agent::GrpcLink>(std::move(link), reports_, calls_, zstd::MakeCompressor());
  agent::Pipe::Options pipe;
  pipe.task_id = options.agent_id + ":" + root.view;
  pipe.agent_id = options.agent_id;
  pipe.source_uri = root.directory;
  pipe.seed = posix::SystemRandom().Next();
  // Fusion is in this process: there is no crowd to spread.
  pipe.backoff_min = Millis(100);
  pipe.backoff_max = Seconds(5);
  member.pipe = std::make_unique<agent::Pipe>(std::move(pipe), *data_, *control_, *member.source,
                                              *member.link, log);
  members_.push_back(std::move(member));
  return {};
}

env::Task<bool> LocalAgent::StartAll() {
  for (Member& member : members_) {
    member.source->Start();
    member.pipe->Start();
  }
  co_return true;
}

env::Task<bool> LocalAgent::StopAll() {
  for (Member& member : members_) {
    co_await member.pipe->Stop();
    co_await member.source->Stop();
  }
  co_await reports_.Stop();
  co_await calls_.Stop();
  co_return true;
}

void LocalAgent::Stop() {
  if (std::exchange(stopped_, true)) return;
  asio::BlockOn(*data_, StopAll());
  data_->Stop();
  control_->Stop();
  members_.clear();
}

std::vector<env::Tree::Info> LocalAgent::trees() const {
  std::vector<env::Tree::Info> infos;
  infos.reserve(members_.size());
  for (const Member& member : members_) infos.push_back(member.tree->info());
  return infos;
}

}  // namespace fustor::up
