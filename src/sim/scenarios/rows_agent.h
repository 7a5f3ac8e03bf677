// rows_agent.h: a host with an agent of the first generation, as recorded (docs/arbitration.md,
// "Agents that post rows").
//
// It posts rows, not listings, over requests that get lost, come late and are sent again: changes
// one by one in realtime; full snapshots back to back for ever, rows of two of them mixed; audits
// that pass by directories whose mtime is as before. It never says that a scan begins, says twice
// that it ends, and tells a directory's rename as a deletion and rows of what is inside, sometimes
// without the directory itself. Only what its own host does is seen as it happens.
// Deterministic; one thread.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/batch/batch.h"
#include "lib/json/tape.h"
#include "sim/file_system.h"
#include "sim/scenarios/hosts.h"
#include "sim/world.h"

namespace fustor::sim {

class RowsAgent final : public FsListener {
 public:
  struct Options {
    std::string name = "old";
    std::uint32_t mount = 0;
    std::size_t rows_per_event = 100;
    std::size_t events_per_post = 100;
    Nanos look_gap = Millis(2);  // Between two directories of a scan.
    Nanos event_delay_max = Millis(50);
    Nanos post_delay_max = Millis(80);  // One way.
    Nanos snapshot_pause{0};            // Between two of them.
    Nanos audit_interval = Seconds(60);
    std::size_t snapshots_at_once = 2;
    std::uint64_t lost_one_in = 0;  // Requests, or their answers. 0: none.
    std::uint64_t drop_one_in = 0;  // Events of the kernel. 0: none.
  };
  // All must outlive the agent.
  RowsAgent(World& world, FileSystem& fs, FusionHost& fusion, VirtualLog& log, Options options);
  ~RowsAgent() override { fs_.Unlisten(*this); }

  // REQUIRES: not running.
  void Start();
  void Crash();
  bool running() const { return running_; }
  bool leads() const { return running_ && leads_; }
  // The next audit looks at everything; returns how many audits will have ended when it has.
  std::uint64_t AuditInFull();
  // Whole audits and snapshots whose end was answered in this session.
  std::uint64_t audits_ended() const { return audits_ended_; }
  std::uint64_t snapshots_ended() const { return snapshots_ended_; }
  const std::string& name() const { return options_.name; }

  void OnRecord(const Record& record) override;

 private:
  enum Lane : std::size_t { kMessages, kSnapshots, kOtherSnapshots, kAudits, kLanes };
  struct Row {
    std::string path;
    EntryAttrs attrs;
    batch::Change::Kind kind = batch::Change::Kind::kUpsert;
    std::optional<bool> atomic;
    bool silent = false;
    std::optional<std::int64_t> parent_mtime_ns;
  };
  struct Post {
    batch::Source source = batch::Source::kRealtime;
    std::vector<Row> rows;
    bool ends = false;
    bool audit_end = false;  // The request of its own behind an audit.
    bool last = false;       // Of its scan.
  };
  struct Walk {
    batch::Source source = batch::Source::kSnapshot;
    std::deque<std::string> directories;
    std::vector<Row> rows;
  };

  // What is scheduled for this session only; `life` for the process.
  template <class F>
  void Later(Nanos delay, F run);
  Nanos UpTo(Nanos most) { return Nanos(prng_.Between(0, most.count())); }

  void Open();
  void OnOpened(const Result<batch::SessionGrant>& grant);
  void Beat();
  void Obsolete();
  void Lead();

  void Tell(const Record& record);
  void TellName(const Record& record, NodeId dir, const std::string& name);
  void TellInside(const std::string& path, bool itself);
  void Gone(std::string path);
  void PostChange(Row row);
  static Row RowOf(std::string path, const EntryAttrs& attrs);

  void BeginWalk(Lane lane, batch::Source source);
  void Step(Lane lane);
  void LookAt(const std::string& path, Walk* walk);
  void Flush(Lane lane, Walk* walk, bool ends);
  void Ended(Lane lane);

  void Send(Lane lane);
  void Attempt(Lane lane);
  void OnAnswer(Lane lane, const Status& status);
  void FillTape(const Post& post, json::Tape* tape) const;
  static void FillRow(const Row& row, json::Tape* tape);

  World& world_;
  FileSystem& fs_;
  FusionHost& fusion_;
  VirtualLog& log_;
  const Options options_;
  Prng prng_;
  std::uint64_t life_ = 0;  // Grows with every session and every end of one.
  bool running_ = false;
  bool leads_ = false;
  std::string session_id_;
  Nanos beat_every_ = Seconds(10);
  std::array<std::deque<Post>, kLanes> waiting_;
  std::array<std::uint64_t, kLanes> attempts_{};
  std::array<bool, kLanes> sending_{};
  std::array<std::unique_ptr<Walk>, kLanes> walks_;
  std::map<std::string, std::int64_t> audited_;  // Directories' mtimes.
  bool forget_audited_ = false;
  std::uint64_t audits_ended_ = 0;
  std::uint64_t audits_begun_ = 0;
  std::uint64_t snapshots_ended_ = 0;
};

}  // namespace fustor::sim
