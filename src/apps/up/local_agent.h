// local_agent.h: an agent in the process of its Fusion, one source and pipe per directory.
//
// Speaks to Fusion through the same methods as an agent on another host, only without a network.
// Threads: one for data, one for heartbeats, and those of each tree. All functions are called from
// one thread that is none of these.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/asio/executor.h"
#include "apps/up/roots.h"
#include "base/log.h"
#include "env/transport.h"
#include "env/tree.h"
#include "lib/loopback/loopback.h"
#include "svc/agent/flow/pipe.h"
#include "svc/agent/flow/source.h"
#include "svc/agent/wire/grpc_link.h"

namespace fustor::up {

class LocalAgent {
 public:
  struct Options {
    std::string agent_id;
    unsigned scan_threads = 0;  // 0: one per core.
    bool one_file_system = false;
    std::vector<std::string> keys;  // Push keys, one per root.
  };

  // `fusion` is what Fusion serves to agents; it and its executors must outlive the agent.
  // Errors: as posix::OpenTree.
  static Result<std::unique_ptr<LocalAgent>> Start(Options options, const std::vector<Root>& roots,
                                                   const env::MethodTable& fusion, Logger log);
  // As Stop.
  ~LocalAgent();
  LocalAgent(const LocalAgent&) = delete;

  // Closes the sessions and ends the threads. Idempotent.
  void Stop();

  // In the order of the roots.
  std::vector<env::Tree::Info> trees() const;

 private:
  struct Member {
    std::unique_ptr<env::Tree> tree;
    std::unique_ptr<agent::Source> source;
    std::unique_ptr<agent::GrpcLink> link;
    std::unique_ptr<agent::Pipe> pipe;
  };

  explicit LocalAgent(const env::MethodTable& fusion);
  Status Add(const Options& options, const Root& root, const std::string& key, Logger log);
  env::Task<bool> StartAll();
  env::Task<bool> StopAll();

  const std::unique_ptr<asio::ThreadExecutor> data_;
  const std::unique_ptr<asio::ThreadExecutor> control_;
  loopback::Loopback reports_;
  loopback::Loopback calls_;
  std::vector<Member> members_;
  bool stopped_ = false;
};

}  // namespace fustor::up
