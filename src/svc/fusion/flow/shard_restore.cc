// The shard's part in a restart from a checkpoint.
#include <utility>

#include "svc/fusion/flow/shard.h"

namespace fustor::fusion {
namespace {

// Whoever waits sees how far it is, a few times a second.
constexpr std::uint64_t kFramesPerStatus = 64;

}  // namespace

void Shard::BeginRestore(std::string source, tree::Revision revision_min) {
  executor_.Post([self = shared_from_this(), source = std::move(source), revision_min]() mutable {
    self->BeginRestoreHere(std::move(source), revision_min);
  });
}

void Shard::Restore(checkpoint::Frame frame, Done done) {
  executor_.Post([self = shared_from_this(), frame = std::move(frame),
                  done = std::move(done)]() mutable { done(self->RestoreHere(frame)); });
}

void Shard::EndRestore() {
  executor_.Post([self = shared_from_this()] { self->EndRestoreHere(); });
}

// True: `work` was taken, and is done when all that came before it has been restored.
bool Shard::HoldBack(env::Callback& work) {
  if (restoring_ == nullptr) return false;
  restoring_->held.push_back(std::move(work));
  return true;
}

void Shard::BeginRestoreHere(std::string source, tree::Revision revision_min) {
  if (restoring_ == nullptr) restoring_ = std::make_unique<Restoring>();
  CancelRestore();
  checkpoint::Loader::Options options;
  options.view_id = options_.view_id;
  options.source = std::move(source);
  options.entries_max = options_.arbiter.max_tree_items;
  options.revision_min = revision_min;
  restoring_->revision_min = revision_min;
  // For a whole threshold from now on, whatever was left of it.
  options.on_suspect = [this](std::string_view directory, std::string_view name,
                              std::int64_t mtime_ns) {
    arbiter_.RestoreSuspect(directory, name, mtime_ns, steady());
  };
  restoring_->loader = std::make_unique<checkpoint::Loader>(std::move(options), tree_);
  PublishSoon();
}

// Whoever has loaded a part of a tree lets go of it.
void Shard::CancelRestore() {
  if (restoring_ == nullptr || restoring_->loader == nullptr) return;
  restoring_->loader->Abandon();
  restoring_->loader.reset();
  arbiter_.Reset();
}

Status Shard::RestoreHere(const checkpoint::Frame& frame) {
  if (restoring_ == nullptr || restoring_->loader == nullptr) {
    return {Code::kCancelled, "the view was reset meanwhile"};
  }
  Status applied = restoring_->loader->Apply(frame);
  if (!applied.ok()) CancelRestore();
  if (++restoring_->frames % kFramesPerStatus == 0) PublishSoon();
  return applied;
}

void Shard::EndRestoreHere() {
  if (restoring_ == nullptr) return;
  if (restoring_->loader != nullptr && restoring_->loader->complete()) {
    TakeRestored(*restoring_->loader);
  } else {
    CancelRestore();
    if (restoring_->revision_min > tree_.revision()) tree_.SkipTo(restoring_->revision_min);
  }
  const std::unique_ptr<Restoring> done = std::move(restoring_);
  for (env::Callback& work : done->held) work();
  PublishSoon();
}

void Shard::TakeRestored(const checkpoint::Loader& loader) {
  const checkpoint::Header& header = loader.header();
  facts_.reporters.clear();
  reporter_numbers_.clear();
  for (const checkpoint::Header::Reporter& reporter : header.reporters) {
    const auto number = static_cast<std::uint16_t>(facts_.reporters.size());
    if (number != 0) {
      reporter_numbers_.emplace(std::pair(reporter.agent_id, reporter.source_uri), number);
    }
    facts_.reporters.push_back({reporter.agent_id, reporter.source_uri});
  }
  if (facts_.reporters.empty()) facts_.reporters.emplace_back();  // Number 0: nobody.
  arbiter_.NoteRestored(header.fresh_until);
  was_ready_once_ = true;
  unready_since_ = header.fresh_until;
  restored_from_ = header.written_at;
}

void Shard::WriteRestoring(ViewStatus* status) const {
  if (restoring_ == nullptr) return;
  status->restoring = true;
  if (restoring_->loader != nullptr) status->restored_entries = restoring_->loader->entries();
}

}  // namespace fustor::fusion
