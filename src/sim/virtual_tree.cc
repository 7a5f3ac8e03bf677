#include "sim/virtual_tree.h"

#include <algorithm>
#include <utility>

namespace fustor::sim {

using env::ListedDir;
using env::ListRequest;
using env::StatRequest;
using env::StattedEntry;

namespace {

Status Closing() { return {Code::kUnavailable, "the tree is being closed"}; }
Status AnotherOne() { return {Code::kAborted, "another directory lies at this path now"}; }

// Where a name comes in a directory that is read: anywhere, but always in the same place.
std::uint64_t CookieOf(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return (hash ^ (hash >> 31)) * 0x9E3779B97F4A7C15ull;
}

}  // namespace

struct VirtualTree::View {
  View(World& w, FileSystem& f, std::shared_ptr<const HostClock> c, ViewOptions o,
       std::shared_ptr<Watch> wa)
      : world(w),
        fs(f),
        clock(std::move(c)),
        options(o),
        watch(std::move(wa)),
        prng(w.Derive("tree" + (o.nfs ? std::to_string(o.nfs->mount) : std::string()))) {
    if (options.nfs) nfs.emplace(world, fs, *options.nfs);
  }

  Nanos Delay() {
    Nanos delay(prng.Between(options.operation_min.count(), options.operation_max.count()));
    if (options.late_one_in != 0 && prng.Chance(1, options.late_one_in)) {
      delay += Nanos(prng.Between(0, options.late_max.count()));
    }
    return delay;
  }
  // nullptr: it is not there any more. Valid until the next call.
  const EntryAttrs* Look(NodeId node) {
    if (nfs) {
      const NfsClient::Known* known = nfs->Look(node);
      return known == nullptr ? nullptr : &known->attrs;
    }
    return fs.Exists(node) ? &fs.AttrsOf(node) : nullptr;
  }
  std::string TargetOf(NodeId node) {
    if (!nfs) return fs.TargetOf(node);
    const NfsClient::Known* known = nfs->Look(node);
    return known == nullptr ? std::string() : known->target;
  }
  Result<NodeId> Resolve(std::string_view path) {
    return nfs ? nfs->Resolve(path) : fs.Resolve(path);
  }
  std::optional<NodeId> Find(NodeId dir, std::string_view name) {
    return nfs ? nfs->Find(dir, name) : fs.Find(dir, name);
  }
  std::optional<std::vector<std::string>> NamesIn(NodeId dir) {
    if (nfs) return nfs->NamesIn(dir);
    if (!fs.Exists(dir)) return std::nullopt;
    return fs.NamesIn(dir);
  }

  World& world;
  FileSystem& fs;
  const std::shared_ptr<const HostClock> clock;
  const ViewOptions options;
  const std::shared_ptr<Watch> watch;
  Prng prng;
  std::optional<NfsClient> nfs;
  std::size_t jobs = 0;
  bool closed = false;
};

namespace {

using View = VirtualTree::View;

// Counts down the parts of one call and then hands over all answers.
template <class Answer>
struct Call {
  std::vector<Answer> answers;
  std::size_t left = 0;
  typename env::Completion<std::vector<Answer>>::Resolver done;

  void PartDone() {
    if (--left == 0) done(std::move(answers));
  }
};

// One directory on its way through a listing.
class Listing : public std::enable_shared_from_this<Listing> {
 public:
  Listing(std::shared_ptr<View> view, ListRequest request, std::shared_ptr<Call<ListedDir>> call,
          std::size_t index)
      : view_(std::move(view)),
        request_(std::move(request)),
        call_(std::move(call)),
        index_(index) {
    ++view_->jobs;
    listed_.dir = request_.dir;
  }

  void Start() { Then(&Listing::Begin); }

 private:
  void Then(void (Listing::*step)()) {
    view_->world.After(view_->Delay(), [self = shared_from_this(), step] {
      if (self->view_->closed) return self->End(Closing());
      ((*self).*step)();
    });
  }

  void Begin() {
    listed_.started_at = view_->clock->Now();
    Then(&Listing::Open);
  }

  void Open() {
    const Result<NodeId> dir = view_->Resolve(request_.path);
    if (!dir.ok()) return Fail(dir.status());
    dir_ = *dir;
    if (view_->nfs) view_->nfs->OpenDirectory(dir_);
    const EntryAttrs* found = view_->Look(dir_);
    if (found == nullptr) return Fail({Code::kNotFound, "stale file handle"});
    const EntryAttrs self = *found;
    if (!self.is_directory()) return Fail({Code::kFailedPrecondition, "not a directory"});
    listed_.self = self;
    if (request_.expected_inode != 0 && self.inode != request_.expected_inode) {
      return Fail(AnotherOne());
    }
    if (request_.known.Is(self)) {
      listed_.unchanged = true;
      return End({});
    }
    listed_.remote = true;  // The hosts' clocks are not the file system's.
    if (request_.watch) listed_.watch_status = view_->watch->Cover(request_.dir, dir_);
    Then(&Listing::ReadNames);
  }

  void ReadNames() {
    std::optional<std::vector<std::string>> found = view_->NamesIn(dir_);
    if (!found) return End({Code::kNotFound, "the directory was removed"});
    std::vector<std::pair<std::uint64_t, std::string>> names;
    for (std::string& name : *found) {
      const std::uint64_t cookie = CookieOf(name);
      if (cookie > cookie_) names.emplace_back(cookie, std::move(name));
    }
    if (names.empty()) return End({});
    std::sort(names.begin(), names.end());
    const std::size_t most = 1 + view_->prng.Below(view_->options.readdir_names_max);
    names.resize(std::min(names.size(), most));
    cookie_ = names.back().first;
    names_ = std::move(names);
    next_ = 0;
    Then(&Listing::LookAtSome);
  }

  void LookAtSome() {
    const std::size_t end = std::min(names_.size(), next_ + 1 + view_->prng.Below(16));
    for (; next_ < end; ++next_) {
      const std::string& name = names_[next_].second;
      const std::optional<NodeId> node = view_->Find(dir_, name);
      if (!node) continue;  // It was removed since the directory was read.
      const EntryAttrs* attrs = view_->Look(*node);
      if (attrs != nullptr) listed_.children.Append(name, *attrs, view_->TargetOf(*node));
    }
    Then(next_ < names_.size() ? &Listing::LookAtSome : &Listing::ReadNames);
  }

  void Fail(const Status& status) {
    if (request_.watch) listed_.watch_status = status;
    End(status);
  }

  void End(Status status) {
    --view_->jobs;
    listed_.status = std::move(status);
    EntryList& children = listed_.children;
    children.SortByName();
    for (std::size_t i = children.size(); i > 1; --i) {
      if (children.name(i - 1) == children.name(i - 2)) children.Erase(i - 1);
    }
    call_->answers[index_] = std::move(listed_);
    call_->PartDone();
  }

  const std::shared_ptr<View> view_;
  const ListRequest request_;
  const std::shared_ptr<Call<ListedDir>> call_;
  const std::size_t index_;
  ListedDir listed_;
  NodeId dir_;
  std::uint64_t cookie_ = 0;
  std::vector<std::pair<std::uint64_t, std::string>> names_;
  std::size_t next_ = 0;
};

// Requests [begin, end) of one call, all of the same directory.
class Looks : public std::enable_shared_from_this<Looks> {
 public:
  Looks(std::shared_ptr<View> view, std::vector<StatRequest> requests,
        std::shared_ptr<Call<StattedEntry>> call, std::size_t begin)
      : view_(std::move(view)),
        requests_(std::move(requests)),
        call_(std::move(call)),
        begin_(begin) {
    ++view_->jobs;
  }

  void Start() { Then(&Looks::Open); }

 private:
  void Then(void (Looks::*step)()) {
    view_->world.After(view_->Delay(), [self = shared_from_this(), step] {
      if (self->view_->closed) return self->EndAll(Closing());
      ((*self).*step)();
    });
  }

  void Open() {
    const StatRequest& first = requests_.front();
    const Result<NodeId> dir = view_->Resolve(first.dir_path);
    if (!dir.ok()) return EndAll({Code::kAborted, "the directory is not at that path any more"});
    const EntryAttrs* self = view_->Look(*dir);
    if (self == nullptr || !self->is_directory()) return EndAll(AnotherOne());
    if (first.expected_inode != 0 && self->inode != first.expected_inode) {
      return EndAll(AnotherOne());
    }
    dir_ = *dir;
    Then(&Looks::LookAtSome);
  }

  void LookAtSome() {
    const std::size_t end = std::min(requests_.size(), next_ + 1 + view_->prng.Below(16));
    for (; next_ < end; ++next_) LookAt(requests_[next_], &call_->answers[begin_ + next_]);
    if (next_ < requests_.size()) return Then(&Looks::LookAtSome);
    --view_->jobs;
    call_->PartDone();
  }

  void LookAt(const StatRequest& request, StattedEntry* answer) {
    answer->dir = request.dir;
    answer->name = request.name;
    std::optional<NodeId> node = dir_;
    if (!request.name.empty()) node = view_->Find(dir_, request.name);
    const EntryAttrs* attrs = node ? view_->Look(*node) : nullptr;
    if (attrs == nullptr) {
      answer->status = Status(Code::kNotFound, "no such entry");
      return;
    }
    answer->attrs = *attrs;
    answer->target = view_->TargetOf(*node);
  }

  void EndAll(const Status& status) {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      StattedEntry& answer = call_->answers[begin_ + i];
      answer.dir = requests_[i].dir;
      answer.name = requests_[i].name;
      answer.status = status;
    }
    --view_->jobs;
    call_->PartDone();
  }

  const std::shared_ptr<View> view_;
  const std::vector<StatRequest> requests_;
  const std::shared_ptr<Call<StattedEntry>> call_;
  const std::size_t begin_;
  NodeId dir_;
  std::size_t next_ = 0;
};

bool SameDirectory(const StatRequest& a, const StatRequest& b) {
  return a.dir == b.dir && a.expected_inode == b.expected_inode && a.dir_path == b.dir_path;
}

}  // namespace

VirtualTree::VirtualTree(World& world, FileSystem& fs, std::shared_ptr<const HostClock> clock,
                         ViewOptions options)
    : watch_(std::make_shared<Watch>(world, fs, options.watch)),
      view_(std::make_shared<View>(world, fs, std::move(clock), options, watch_)) {
  watch_->Start();
}

VirtualTree::~VirtualTree() {
  view_->closed = true;
  watch_->Stop();
}

env::Task<std::vector<ListedDir>> VirtualTree::List(std::vector<ListRequest> requests) {
  if (requests.empty()) co_return std::vector<ListedDir>();
  env::Completion<std::vector<ListedDir>> done;
  const std::size_t count = requests.size();
  const auto call = std::make_shared<Call<ListedDir>>(
      Call<ListedDir>{std::vector<ListedDir>(count), count, done.resolver()});
  for (std::size_t i = 0; i < count; ++i) {
    std::make_shared<Listing>(view_, std::move(requests[i]), call, i)->Start();
  }
  co_return co_await done.Wait();
}

env::Task<std::vector<StattedEntry>> VirtualTree::Stat(std::vector<StatRequest> requests) {
  if (requests.empty()) co_return std::vector<StattedEntry>();
  env::Completion<std::vector<StattedEntry>> done;
  const auto call = std::make_shared<Call<StattedEntry>>(
      Call<StattedEntry>{std::vector<StattedEntry>(requests.size()), 0, done.resolver()});
  std::vector<std::pair<std::size_t, std::vector<StatRequest>>> groups;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (groups.empty() || !SameDirectory(groups.back().second.back(), requests[i])) {
      groups.emplace_back(i, std::vector<StatRequest>());
    }
    groups.back().second.push_back(std::move(requests[i]));
  }
  call->left = groups.size();
  for (auto& [begin, group] : groups) {
    std::make_shared<Looks>(view_, std::move(group), call, begin)->Start();
  }
  co_return co_await done.Wait();
}

env::Task<std::vector<env::TreeEvent>> VirtualTree::NextEvents() { return Watch::Next(watch_); }

void VirtualTree::StopEvents() { watch_->Stop(); }

void VirtualTree::Unwatch(std::vector<env::DirKey> dirs) {
  for (const env::DirKey dir : dirs) watch_->Uncover(dir);
}

env::Tree::Info VirtualTree::info() const {
  return {.root = "/sim",
          .watch_mechanism = watch_->options().whole ? "fanotify" : "inotify",
          .watch_limits = "",
          .watches = watch_->watches(),
          .overflows = watch_->overflows()};
}

bool VirtualTree::idle() const { return view_->jobs == 0 && watch_->drained(); }

}  // namespace fustor::sim
