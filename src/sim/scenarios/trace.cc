#include "sim/scenarios/trace.h"

#include <array>
#include <utility>

#include "base/path.h"

namespace fustor::sim {
namespace {

std::string Short(const EntryAttrs& attrs) {
  return (attrs.is_directory() ? " dir" : "") + std::string(" inode=") +
         std::to_string(attrs.inode) + " size=" + std::to_string(attrs.size_bytes) +
         " nlink=" + std::to_string(attrs.nlink) + " mtime=" + std::to_string(attrs.mtime_ns) +
         " ctime=" + std::to_string(attrs.ctime_ns);
}

void SayBatch(const batch::Batch& batch, const std::string& who, VirtualLog& log) {
  using Kind = batch::Change::Kind;
  log.Say("  " + who + " sends batch " + std::to_string(batch.sequence) + " source " +
          std::to_string(static_cast<int>(batch.source)) + " mark " +
          std::to_string(static_cast<int>(batch.mark)) + (batch.lost_events ? " lost" : ""));
  for (const batch::Change& change : batch.changes) {
    const std::string path = PrintablePath(change.path);
    if (change.kind == Kind::kUpsert) log.Say("    upsert " + path + Short(change.attrs));
    if (change.kind == Kind::kDelete) log.Say("    delete " + path);
    if (change.kind == Kind::kMove) {
      log.Say("    move " + PrintablePath(change.old_path) + " -> " + path);
    }
  }
  for (const batch::DirBlock& block : batch.blocks) {
    log.Say("    block " + PrintablePath(block.path) + Short(block.self) +
            (block.complete ? " complete" : "") + (block.failed ? " failed" : ""));
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      log.Say("      " + PrintablePath(block.rows.name(i)) + Short(block.rows.attrs(i)));
    }
    for (const std::string& name : block.exempt) log.Say("      exempt " + PrintablePath(name));
  }
}

class TracedStream final : public agent::ReportStream {
 public:
  TracedStream(std::unique_ptr<agent::ReportStream> stream, VirtualLog& log, std::string who)
      : stream_(std::move(stream)), log_(log), who_(std::move(who)) {}
  env::Task<Result<std::uint64_t>> Send(const batch::Batch& batch) override {
    SayBatch(batch, who_, log_);
    return stream_->Send(batch);
  }
  env::Task<Result<std::uint64_t>> NextAck() override { return stream_->NextAck(); }
  void Cancel() override { stream_->Cancel(); }

 private:
  const std::unique_ptr<agent::ReportStream> stream_;
  VirtualLog& log_;
  const std::string who_;
};

}  // namespace

std::string TracedFileSystem::Place(NodeId dir, const std::string& name) const {
  const std::string path = fs_.PathOf(dir);
  return PrintablePath(name.empty() ? path : JoinPath(path, name));
}

void TracedFileSystem::OnRecord(const Record& record) {
  static constexpr std::array<const char*, 7> kNames = {"create", "delete", "modify", "close",
                                                        "attrib", "rename", "gone"};
  const std::string what = kNames[static_cast<std::size_t>(record.what)];
  if (record.what == Record::What::kGone) return log_.Say("fs " + what);
  std::string line = "fs " + what + " " + Place(record.dir, record.name);
  if (record.what == Record::What::kRename) line += " -> " + Place(record.to_dir, record.to_name);
  log_.Say(line);
}

std::unique_ptr<agent::ReportStream> TracedLink::Around(
    std::unique_ptr<agent::ReportStream> stream) {
  return std::make_unique<TracedStream>(std::move(stream), log_, who_);
}

}  // namespace fustor::sim
