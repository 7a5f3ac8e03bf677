// fakes_testing.h: a view over a real tree and a writer that keeps what it is given, for tests.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/path.h"
#include "env/clock.h"
#include "lib/http/http.h"
#include "svc/fusion/flow/view.h"

namespace fustor::fusion {

// Stands still at 2023-11-14T22:13:20Z.
class FakeClock : public env::Clock {
 public:
  Instant Now() const override { return {5'000'000'000}; }
  WallTime WallNow() const override { return {1'700'000'000'000'000'000}; }
};

class FakeView : public View {
 public:
  explicit FakeView(std::string id) : id_(std::move(id)) {
    status_.ready = true;
    status_.was_ready_once = true;
    status_.logical_now = {1'700'000'000'000'000'000};
    status_.published_at = status_.logical_now;
    status_.reporters = {{"", ""}, {"agent-1", "/data"}};
  }

  const std::string& id() const override { return id_; }
  const std::string& driver() const override { return driver_; }
  std::vector<std::string> source_uris() const override { return {"/data"}; }
  std::shared_ptr<const ViewStatus> status() const override {
    return std::make_shared<const ViewStatus>(status_);
  }
  Result<tree::Snapshot> Pin() const override {
    ++pins_;
    if (on_pin_) on_pin_();
    return tree_.Pin();
  }
  env::Task<std::vector<SessionInfo>> ListSessions() override { co_return sessions_; }
  env::Task<std::vector<Arbiter::Suspect>> ListSuspects() override { co_return suspects_; }
  env::Task<Arbiter::BlindSpots> ListBlindSpots() override { co_return spots_; }
  env::Task<std::size_t> Sweep(std::vector<Arbiter::Sighting> sightings) override {
    co_return sightings.size();
  }
  env::Task<Result<std::vector<CheckpointFile>>> ListCheckpoints() override {
    if (!keeps_checkpoints_)
      co_return Status(Code::kUnimplemented, "this view keeps no checkpoints");
    std::vector<CheckpointFile> files;
    for (std::size_t i = checkpoints_.size(); i > 0; --i) {
      const checkpoint::Header& header = checkpoints_[i - 1]->header;
      files.push_back({i, 100 * i, header.written_at, header.revision, header.entries});
    }
    co_return files;
  }
  env::Task<Result<std::shared_ptr<const LoadedCheckpoint>>> LoadCheckpoint(
      std::uint64_t number) override {
    if (number == 0 || number > checkpoints_.size()) co_return Status(Code::kNotFound, "none");
    std::shared_ptr<const LoadedCheckpoint> loaded = checkpoints_[number - 1];
    co_return loaded;
  }
  env::Task<Status> Reset() override {
    ++resets_;
    co_return Status();
  }

  // Adds an entry with attributes that can be told apart, and its parents.
  void Put(const std::string& path, EntryKind kind, std::int64_t size,
           const std::string& target = "") {
    const auto [directory, name] = SplitPath(path);
    tree::Entry entry;
    entry.attrs.kind = kind;
    entry.attrs.mode = kind == EntryKind::kDirectory ? 040755
                       : kind == EntryKind::kSymlink ? 0120777
                       : kind == EntryKind::kOther   ? 0010600
                                                     : 0100644;
    entry.attrs.uid = 1000;
    entry.attrs.gid = 100;
    entry.attrs.inode = 42;
    entry.attrs.nlink = kind == EntryKind::kDirectory ? 2 : 1;
    entry.attrs.size_bytes = size;
    entry.attrs.allocated_bytes = (size + 511) / 512 * 512;
    entry.attrs.mtime_ns = 1'600'000'000'000'000'000 + size;
    entry.attrs.ctime_ns = 1'600'000'001'500'000'000;
    entry.attrs.atime_ns = 1'600'000'002'000'000'000;
    entry.flags = tree::kKnownByAgent;
    entry.reporter = 1;
    entry.target = target;
    if (path == "/") {
      tree_.PutRoot(entry);
    } else {
      tree_.Put(tree_.EnsureDirectory(directory), name, entry);
    }
  }
  void PutFile(const std::string& path, std::int64_t size = 1) {
    Put(path, EntryKind::kFile, size);
  }

  std::string id_;
  std::string driver_ = "fs";
  tree::Tree tree_;
  ViewStatus status_;
  std::vector<SessionInfo> sessions_;
  std::vector<Arbiter::Suspect> suspects_;
  Arbiter::BlindSpots spots_;
  bool keeps_checkpoints_ = true;
  std::vector<std::shared_ptr<LoadedCheckpoint>> checkpoints_;  // The oldest first.
  int resets_ = 0;
  mutable int pins_ = 0;
  std::function<void()> on_pin_;
};

class FakeViewSet : public ViewSet {
 public:
  std::shared_ptr<View> Find(std::string_view id) const override {
    for (const auto& view : views_) {
      if (view->id() == id) return view;
    }
    return nullptr;
  }
  std::vector<std::shared_ptr<View>> All() const override { return {views_.begin(), views_.end()}; }
  std::optional<std::vector<std::shared_ptr<View>>> Members(
      std::string_view forest) const override {
    const auto it = forests_.find(forest);
    if (it == forests_.end()) return std::nullopt;
    std::vector<std::shared_ptr<View>> members;
    for (const std::string& id : it->second) members.push_back(Find(id));
    return members;
  }
  Access Check(std::string_view key) const override {
    const auto it = keys_.find(key);
    return it == keys_.end() ? Access() : it->second;
  }

  std::vector<std::shared_ptr<FakeView>> views_;
  std::map<std::string, std::vector<std::string>, std::less<>> forests_;
  std::map<std::string, Access, std::less<>> keys_;
};

class FakeWriter : public http::ResponseWriter {
 public:
  env::Task<Status> Send(int status, http::Headers headers, std::string body) override {
    status_ = status;
    headers_ = std::move(headers);
    body_ = std::move(body);
    ended_ = true;
    co_return Status();
  }
  env::Task<Status> Start(int status, http::Headers headers) override {
    status_ = status;
    headers_ = std::move(headers);
    co_return Status();
  }
  env::Task<Status> Write(std::string piece) override {
    ++writes_;
    body_ += piece;
    if (on_write_) on_write_();
    co_return writes_ >= writes_max_ ? Status(Code::kUnavailable, "gone") : Status();
  }
  env::Task<Status> End() override {
    ended_ = true;
    co_return Status();
  }
  int status() const override { return status_; }

  int status_ = 0;
  http::Headers headers_;
  std::string body_;
  bool ended_ = false;
  int writes_ = 0;
  int writes_max_ = 1 << 30;
  std::function<void()> on_write_;
};

}  // namespace fustor::fusion
