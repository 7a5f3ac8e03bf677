#include "adapters/posix/tree.h"

#include <algorithm>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/posix/directory.h"
#include "adapters/posix/file_systems.h"
#include "adapters/posix/lister.h"
#include "adapters/posix/op_limiter.h"
#include "adapters/posix/workers.h"

namespace fustor::posix {
namespace {

using env::ListedDir;
using env::ListRequest;
using env::StatRequest;
using env::StattedEntry;

// Names looked at in one go; more of one directory are shared with other threads.
constexpr std::size_t kStatGroupMax = 256;

Status Closing() { return {Code::kUnavailable, "the tree is being closed"}; }

class ListJob final : public Job {
 public:
  using Answers = std::vector<ListedDir>;

  ListJob(std::vector<ListRequest> requests, env::Completion<Answers>::Resolver done)
      : Job(requests.size()),
        requests_(std::move(requests)),
        answers_(requests_.size()),
        done_(std::move(done)) {}

 private:
  void Run(std::size_t part, Lister& lister) override {
    answers_[part] = lister.List(requests_[part]);
  }
  void Drop(std::size_t part) override {
    answers_[part].dir = requests_[part].dir;
    answers_[part].status = Closing();
  }
  void Done() override { done_(std::move(answers_)); }

  const std::vector<ListRequest> requests_;
  Answers answers_;
  const env::Completion<Answers>::Resolver done_;
};

bool SameDirectory(const StatRequest& a, const StatRequest& b) {
  return a.dir == b.dir && a.expected_inode == b.expected_inode && a.dir_path == b.dir_path;
}

// Where the groups of requests begin that one open directory serves; the last element is the end.
std::vector<std::size_t> GroupStarts(const std::vector<StatRequest>& requests) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (i == 0 || i - starts.back() == kStatGroupMax ||
        !SameDirectory(requests[i - 1], requests[i])) {
      starts.push_back(i);
    }
  }
  starts.push_back(requests.size());
  return starts;
}

class StatJob final : public Job {
 public:
  using Answers = std::vector<StattedEntry>;

  StatJob(std::vector<StatRequest> requests, std::vector<std::size_t> starts,
          env::Completion<Answers>::Resolver done)
      : Job(starts.size() - 1),
        requests_(std::move(requests)),
        starts_(std::move(starts)),
        answers_(requests_.size()),
        done_(std::move(done)) {}

 private:
  void Run(std::size_t part, Lister& lister) override {
    const std::size_t begin = starts_[part];
    const std::size_t count = starts_[part + 1] - begin;
    lister.Stat(std::span(requests_).subspan(begin, count),
                std::span(answers_).subspan(begin, count));
  }
  void Drop(std::size_t part) override {
    for (std::size_t i = starts_[part]; i < starts_[part + 1]; ++i) {
      answers_[i].dir = requests_[i].dir;
      answers_[i].name = requests_[i].name;
      answers_[i].status = Closing();
    }
  }
  void Done() override { done_(std::move(answers_)); }

  const std::vector<StatRequest> requests_;
  const std::vector<std::size_t> starts_;
  Answers answers_;
  const env::Completion<Answers>::Resolver done_;
};

class PosixTree final : public env::Tree {
 public:
  PosixTree(std::unique_ptr<Root> root, std::unique_ptr<Watcher> watcher,
            const TreeOptions& options)
      : root_(std::move(root)),
        watcher_(std::move(watcher)),
        file_systems_([this](int dirfd, const FileSystemFacts& facts) {
          return watcher_->WatchWhole(dirfd, facts);
        }),
        limiter_(options.metadata_ops_per_second),
        workers_(std::make_unique<Workers>(Threads(options), [this, options] {
          return std::make_unique<Lister>(
              *root_, file_systems_, *watcher_, limiter_,
              ListerOptions{.one_file_system = options.one_file_system,
                            .skip_pseudo_file_systems = options.skip_pseudo_file_systems});
        })) {}

  ~PosixTree() override {
    workers_->Stop();  // First, or they would do without a limit what still waits.
    limiter_.Stop();
    workers_.reset();
  }

  // Says why the mechanism that was asked for cannot watch the root.
  Status Prepare(WatchMode mode) {
    FUSTOR_TRY_ASSIGN(const Fd dir, root_->OpenDirectory("/", OpenFor::kListing));
    FUSTOR_TRY_ASSIGN(const SelfAttrs self, ReadSelf(dir.get()));
    FUSTOR_TRY_ASSIGN(const auto facts, file_systems_.Of(dir.get(), self.attrs.device, self.mount));
    if (mode != WatchMode::kFanotify || facts->whole_watched) return {};
    return watcher_->WhyNotWhole();
  }

  env::Task<std::vector<ListedDir>> List(std::vector<ListRequest> requests) override {
    if (requests.empty()) co_return std::vector<ListedDir>();
    const bool background = std::ranges::all_of(requests, &ListRequest::background);
    env::Completion<std::vector<ListedDir>> done;
    workers_->Submit(std::make_shared<ListJob>(std::move(requests), done.resolver()),
                     background ? Priority::kBackground : Priority::kNormal);
    co_return co_await done.Wait();
  }

  env::Task<std::vector<StattedEntry>> Stat(std::vector<StatRequest> requests) override {
    if (requests.empty()) co_return std::vector<StattedEntry>();
    std::vector<std::size_t> starts = GroupStarts(requests);
    env::Completion<std::vector<StattedEntry>> done;
    workers_->Submit(
        std::make_shared<StatJob>(std::move(requests), std::move(starts), done.resolver()),
        Priority::kNormal);
    co_return co_await done.Wait();
  }

  env::Task<std::vector<env::TreeEvent>> NextEvents() override { return watcher_->queue().Next(); }
  void StopEvents() override { watcher_->queue().Stop(); }

  void Unwatch(std::vector<env::DirKey> dirs) override {
    for (const env::DirKey dir : dirs) watcher_->Uncover(dir);
  }

  Info info() const override {
    return {.root = root_->path(),
            .watch_mechanism = watcher_->mechanism(),
            .watch_limits = watcher_->limits(),
            .watches = watcher_->watches(),
            .overflows = watcher_->queue().overflows()};
  }

 private:
  static unsigned Threads(const TreeOptions& options) {
    if (options.threads != 0) return options.threads;
    return std::max(1u, std::thread::hardware_concurrency());
  }

  const std::unique_ptr<Root> root_;
  const std::unique_ptr<Watcher> watcher_;
  FileSystems file_systems_;
  OpLimiter limiter_;
  std::unique_ptr<Workers> workers_;
};

}  // namespace

Result<std::unique_ptr<env::Tree>> OpenTree(const std::string& root, const TreeOptions& options,
                                            Logger logger) {
  FUSTOR_TRY_ASSIGN(std::unique_ptr<Root> opened, Root::Open(root));
  FUSTOR_TRY_ASSIGN(
      std::unique_ptr<Watcher> watcher,
      Watcher::Start(options.watch, options.watches_max, options.events, std::move(logger)));
  auto tree = std::make_unique<PosixTree>(std::move(opened), std::move(watcher), options);
  FUSTOR_TRY(tree->Prepare(options.watch));
  return std::unique_ptr<env::Tree>(std::move(tree));
}

}  // namespace fustor::posix
