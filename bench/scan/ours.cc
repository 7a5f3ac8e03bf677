#include <cstdio>
#include <deque>

#include "adapters/asio/executor.h"
#include "adapters/posix/tree.h"
#include "base/path.h"
#include "env/task_group.h"
#include "scan_bench.h"

namespace fustor::bench {
namespace {

// A scanner in small: the deepest directories that are known are asked for first, which keeps the
// list of what is still to do short.
struct Scan {
  env::Tree* tree = nullptr;
  std::size_t batch = 0;
  unsigned calls = 0;
  std::vector<env::ListRequest> todo = {};
  std::uint32_t last_key = 1;
  std::size_t in_flight = 0;
  Counts counts = {};
  env::TaskGroup* group = nullptr;
  std::optional<env::Completion<bool>::Resolver> done;
};

void Start(Scan* scan);

void Take(Scan* scan, const env::ListedDir& listed, const std::string& path) {
  ++scan->counts.dirs;
  scan->counts.ok = scan->counts.ok && listed.status.ok();
  const EntryList& children = listed.children;
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (!children.attrs(i).is_directory()) {
      ++scan->counts.files;
      continue;
    }
    scan->todo.push_back({.dir = env::DirKey{++scan->last_key},
                          .path = JoinPath(path, children.name(i)),
                          .expected_inode = 0,
                          .watch = false});
  }
}

env::Task<void> ListSome(Scan* scan, std::vector<env::ListRequest> requests) {
  std::vector<std::string> paths;
  paths.reserve(requests.size());
  for (const env::ListRequest& request : requests) paths.push_back(request.path);
  std::vector<env::ListedDir> listed = co_await scan->tree->List(std::move(requests));
  for (std::size_t i = 0; i < listed.size(); ++i) Take(scan, listed[i], paths[i]);
  --scan->in_flight;
  Start(scan);
}

void Start(Scan* scan) {
  while (scan->in_flight < scan->calls && !scan->todo.empty()) {
    const std::size_t n = std::min(scan->batch, scan->todo.size());
    std::vector<env::ListRequest> requests(
        std::make_move_iterator(scan->todo.end() - static_cast<std::ptrdiff_t>(n)),
        std::make_move_iterator(scan->todo.end()));
    scan->todo.resize(scan->todo.size() - n);
    ++scan->in_flight;
    scan->group->Spawn(ListSome(scan, std::move(requests)));
  }
  if (scan->in_flight == 0) (*scan->done)(true);
}

env::Task<Counts> RunScan(env::Tree* tree, unsigned calls, unsigned batch) {
  env::TaskGroup group(co_await env::ThisExecutor());
  env::Completion<bool> done;
  Scan scan{.tree = tree, .batch = batch, .calls = calls, .group = &group, .done = done.resolver()};
  scan.todo.push_back({.dir = env::DirKey{1}, .path = "/", .watch = false});
  Start(&scan);
  co_await done.Wait();
  co_await group.Join();
  co_return scan.counts;
}

}  // namespace

Counts ScanOurs(const std::string& root, unsigned threads, unsigned calls, unsigned batch) {
  const auto executor = asio::StartThread("scan");
  auto tree =
      posix::OpenTree(root, {.threads = threads, .watch = posix::WatchMode::kNone}, Logger());
  if (!tree.ok()) {
    std::fprintf(stderr, "%s\n", tree.status().ToString().c_str());
    return {.ok = false};
  }
  return asio::BlockOn(*executor, RunScan(tree->get(), calls, batch));
}

}  // namespace fustor::bench
