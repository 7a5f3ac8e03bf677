#include "sim/scenarios/rows_agent.h"

#include <memory>
#include <utility>

#include "base/path.h"
#include "svc/fusion/wire/pushed_events.h"

namespace fustor::sim {
namespace {

using batch::Change;
using batch::Source;
using json::Tape;

constexpr Nanos kPatience = Seconds(12);  // For an answer.
constexpr Nanos kRetry = Seconds(2);

double InSeconds(std::int64_t ns) { return static_cast<double>(ns) / 1e9; }

const char* NameOf(Source source) {
  return source == Source::kRealtime ? "message" : source == Source::kAudit ? "audit" : "snapshot";
}
const char* OfMessage(Source source) {
  return source == Source::kRealtime ? "realtime" : NameOf(source);
}

class Filler {
 public:
  explicit Filler(Tape* tape) : tape_(*tape) {}
  std::uint32_t Begin(Tape::Kind kind) { return tape_.Begin(kind); }
  void End(std::uint32_t begin) { tape_.End(begin); }
  Filler& Key(std::string_view key) {
    tape_.AddString(key);
    return *this;
  }
  Tape& value() { return tape_; }

 private:
  Tape& tape_;
};

// What is posted, as it is written in JSON.
fusion::SessionHost::Posted Decoded(const Tape& tape) {
  fusion::PushedEvents pushed;
  fusion::BadField bad;
  FUSTOR_CHECK(fusion::DecodePushedEvents(tape, {}, &pushed, &bad), bad.text);
  FUSTOR_CHECK(pushed.rejected == 0, "a row of ours makes no sense");
  fusion::SessionHost::Posted posted;
  posted.batches = std::move(pushed.batches);
  posted.ends = pushed.ends;
  posted.events = pushed.events;
  return posted;
}

}  // namespace

RowsAgent::RowsAgent(World& world, FileSystem& fs, FusionHost& fusion, VirtualLog& log,
                     Options options)
    : world_(world),
      fs_(fs),
      fusion_(fusion),
      log_(log),
      options_(std::move(options)),
      prng_(world.Derive(options_.name)) {
  fs_.Listen(*this);
}

RowsAgent::Row RowsAgent::RowOf(std::string path, const EntryAttrs& attrs) {
  Row row;
  row.path = std::move(path);
  row.attrs = attrs;
  return row;
}

template <class F>
void RowsAgent::Later(Nanos delay, F run) {
  world_.After(delay, [this, life = life_, run = std::move(run)]() mutable {
    if (life == life_) run();
  });
}

// --- Sessions ------------------------------------------------------------------------------------

void RowsAgent::Start() {
  FUSTOR_CHECK(!running_);
  running_ = true;
  Open();
}

void RowsAgent::Crash() {
  running_ = false;
  leads_ = false;
  ++life_;
  for (auto& lane : waiting_) lane.clear();
  sending_ = {};
  for (auto& walk : walks_) walk.reset();
}

void RowsAgent::Open() {
  ++life_;
  leads_ = false;
  sending_ = {};
  for (auto& walk : walks_) walk.reset();
  audited_.clear();
  audits_ended_ = audits_begun_ = snapshots_ended_ = 0;
  // Scans begin anew in a session; events wait for it.
  for (const Lane lane : {kSnapshots, kOtherSnapshots, kAudits}) waiting_[lane].clear();
  Later(kPatience, [this] { Open(); });
  Later(UpTo(options_.post_delay_max), [this] {
    fusion_.UseSessions([this, life = life_](fusion::SessionHost& sessions, env::TaskGroup&) {
      batch::SessionRequest request;
      request.task_id = options_.name + ":p";
      request.agent_id = options_.name;
      const Result<batch::SessionGrant> grant =
          sessions.Open(FusionHost::CallerOf(options_.name), request);
      if (life == life_) OnOpened(grant);
    });
  });
}

void RowsAgent::OnOpened(const Result<batch::SessionGrant>& grant) {
  ++life_;  // No more patience is needed.
  if (!grant.ok()) {
    Later(kRetry, [this] { Open(); });
    return;
  }
  session_id_ = grant->session_id;
  beat_every_ = grant->timeout / 3;
  log_.Say(options_.name + " opens a session");
  if (grant->role == batch::Role::kLeader) Lead();
  Later(beat_every_, [this] { Beat(); });
  Send(kMessages);
}

void RowsAgent::Beat() {
  Later(beat_every_, [this] { Beat(); });
  fusion_.UseSessions([this, life = life_](fusion::SessionHost& sessions, env::TaskGroup&) {
    const Result<batch::HeartbeatAnswer> answer =
        sessions.BeatPosted(FusionHost::CallerOf(options_.name), session_id_, {});
    if (life != life_) return;
    if (!answer.ok()) return Obsolete();
    if (answer->role == batch::Role::kLeader && !leads_) Lead();
  });
}

void RowsAgent::Obsolete() {
  log_.Say(options_.name + ": the session is obsolete");
  Open();
}

void RowsAgent::Lead() {
  leads_ = true;
  audited_.clear();
  log_.Say(options_.name + " leads");
  BeginWalk(kSnapshots, Source::kSnapshot);
  if (options_.snapshots_at_once > 1) {
    Later(UpTo(Seconds(3)), [this] { BeginWalk(kOtherSnapshots, Source::kSnapshot); });
  }
  Later(options_.audit_interval, [this] { BeginWalk(kAudits, Source::kAudit); });
}

// --- Realtime ------------------------------------------------------------------------------------

void RowsAgent::OnRecord(const Record& record) {
  if (!running_ || record.actor.mount != options_.mount) return;
  if (record.what == Record::What::kGone) return;
  if (options_.drop_one_in != 0 && prng_.Chance(1, options_.drop_one_in)) return;
  // One after the other: all wait equally long.
  world_.After(options_.event_delay_max, [this, record] {
    if (running_) Tell(record);
  });
}

void RowsAgent::Tell(const Record& record) {
  if (!fs_.Exists(record.dir)) return;
  if (record.what == Record::What::kRename) {
    const std::string from = JoinPath(fs_.PathOf(record.dir), record.name);
    if (!fs_.Exists(record.to_dir)) return Gone(from);
    const std::string to = JoinPath(fs_.PathOf(record.to_dir), record.to_name);
    Gone(from);
    if (record.is_directory) return TellInside(to, !prng_.Chance(1, 3));
    return TellName(record, record.to_dir, record.to_name);
  }
  if (record.what == Record::What::kDelete) {
    return Gone(JoinPath(fs_.PathOf(record.dir), record.name));
  }
  TellName(record, record.dir, record.name);
}

void RowsAgent::TellName(const Record& record, NodeId dir, const std::string& name) {
  const std::optional<NodeId> node = name.empty() ? dir : fs_.Find(dir, name);
  if (!node) return;  // Its end will be told.
  Row row = RowOf(fs_.PathOf(dir), fs_.AttrsOf(*node));
  if (!name.empty()) row.path = JoinPath(row.path, name);
  if (record.what == Record::What::kModify) row.atomic = false;
  if (record.what == Record::What::kClose) row.atomic = true;
  PostChange(std::move(row));
}

void RowsAgent::TellInside(const std::string& path, bool itself) {
  const Result<NodeId> node = fs_.Resolve(path);
  if (!node.ok()) return;
  const bool directory = fs_.AttrsOf(*node).is_directory();
  if (itself || !directory) PostChange(RowOf(path, fs_.AttrsOf(*node)));
  if (!directory) return;
  for (const std::string& name : fs_.NamesIn(*node)) TellInside(JoinPath(path, name), true);
}

void RowsAgent::Gone(std::string path) {
  Row row = RowOf(std::move(path), {});
  row.kind = Change::Kind::kDelete;
  PostChange(std::move(row));
}

void RowsAgent::PostChange(Row row) {
  std::deque<Post>& lane = waiting_[kMessages];
  // What waits goes together, but for what is under way.
  if (lane.size() <= (sending_[kMessages] ? 1U : 0U) ||
      lane.back().rows.size() >= options_.rows_per_event * options_.events_per_post) {
    lane.emplace_back();
  }
  lane.back().rows.push_back(std::move(row));
  Send(kMessages);
}

// --- Scans ---------------------------------------------------------------------------------------

std::uint64_t RowsAgent::AuditInFull() {
  forget_audited_ = true;
  return audits_begun_ + 1;
}

void RowsAgent::BeginWalk(Lane lane, Source source) {
  walks_[lane] = std::make_unique<Walk>();
  walks_[lane]->source = source;
  walks_[lane]->directories.push_back("/");
  if (source == Source::kAudit) {
    ++audits_begun_;
    if (std::exchange(forget_audited_, false)) audited_.clear();
  }
  Step(lane);
}

void RowsAgent::Step(Lane lane) {
  Walk& walk = *walks_[lane];
  if (waiting_[lane].size() > 4) {  // It waits for its sender.
    Later(Millis(50), [this, lane] { Step(lane); });
    return;
  }
  if (walk.directories.empty()) {
    Flush(lane, &walk, true);
    walks_[lane].reset();
    return;
  }
  const std::string path = std::move(walk.directories.front());
  walk.directories.pop_front();
  LookAt(path, &walk);
  if (walk.rows.size() >= options_.rows_per_event * options_.events_per_post) {
    Flush(lane, &walk, false);
  }
  Later(UpTo(2 * options_.look_gap), [this, lane] { Step(lane); });
}

void RowsAgent::LookAt(const std::string& path, Walk* walk) {
  const Result<NodeId> dir = fs_.Resolve(path);
  if (!dir.ok() || !fs_.AttrsOf(*dir).is_directory()) return;  // It has vanished.
  Row self = RowOf(path, fs_.AttrsOf(*dir));
  const std::int64_t mtime_ns = self.attrs.mtime_ns;
  const bool audits = walk->source == Source::kAudit;
  if (audits) {
    const auto last = audited_.find(path);
    self.silent = last != audited_.end() && last->second == mtime_ns;
    audited_[path] = mtime_ns;
  }
  const bool silent = self.silent;
  walk->rows.push_back(std::move(self));
  for (const std::string& name : fs_.NamesIn(*dir)) {
    const EntryAttrs& attrs = fs_.AttrsOf(*fs_.Find(*dir, name));
    std::string at = JoinPath(path, name);
    if (attrs.is_directory()) {
      walk->directories.push_back(std::move(at));
    } else if (!silent) {
      Row row = RowOf(std::move(at), attrs);
      if (audits) row.parent_mtime_ns = mtime_ns;
      walk->rows.push_back(std::move(row));
    }
  }
}

void RowsAgent::Flush(Lane lane, Walk* walk, bool ends) {
  waiting_[lane].push_back({walk->source, std::exchange(walk->rows, {}), ends, false});
  if (ends) {
    waiting_[lane].push_back({walk->source, {}, true, false});
    if (walk->source == Source::kAudit) waiting_[lane].push_back({walk->source, {}, true, true});
    waiting_[lane].back().last = true;
  }
  Send(lane);
}

// The last of a scan has been answered.
void RowsAgent::Ended(Lane lane) {
  if (lane == kAudits) {
    ++audits_ended_;
    Later(options_.audit_interval, [this] { BeginWalk(kAudits, Source::kAudit); });
    return;
  }
  ++snapshots_ended_;
  Later(options_.snapshot_pause, [this, lane] { BeginWalk(lane, Source::kSnapshot); });
}

// --- Requests ------------------------------------------------------------------------------------

void RowsAgent::Send(Lane lane) {
  if (sending_[lane] || waiting_[lane].empty() || session_id_.empty()) return;
  sending_[lane] = true;
  Attempt(lane);
}

void RowsAgent::Attempt(Lane lane) {
  const std::uint64_t attempt = ++attempts_[lane];
  const auto again = [this, lane, attempt] {
    if (attempts_[lane] == attempt) Attempt(lane);
  };
  Later(kPatience, again);
  const bool lost = options_.lost_one_in != 0 && prng_.Chance(1, options_.lost_one_in);
  if (lost && prng_.Chance(1, 2)) return;  // Nothing arrives.
  const Post& post = waiting_[lane].front();
  const auto answered = [this, lane, attempt, lost, life = life_](const Status& status) {
    if (lost) return;  // Nobody hears the answer: the same is posted again.
    world_.After(UpTo(options_.post_delay_max), [this, lane, attempt, status, life] {
      if (life == life_ && attempts_[lane] == attempt) OnAnswer(lane, status);
    });
  };
  if (post.audit_end) {
    Later(UpTo(options_.post_delay_max), [this, answered] { fusion_.PostAuditEnd(answered); });
    return;
  }
  auto tape = std::make_shared<Tape>();
  FillTape(post, tape.get());
  Later(UpTo(options_.post_delay_max), [this, tape, answered] {
    fusion_.PostRows(FusionHost::CallerOf(options_.name), session_id_, Decoded(*tape), answered);
  });
}

void RowsAgent::FillTape(const Post& post, Tape* tape) const {
  Filler fill(tape);
  const auto body = fill.Begin(Tape::Kind::kObject);
  fill.Key("source_type").value().AddString(NameOf(post.source));
  fill.Key("is_end").value().AddBool(post.ends);
  fill.Key("events");
  const auto events = fill.Begin(Tape::Kind::kArray);
  for (std::size_t at = 0; at < post.rows.size();) {
    const Change::Kind kind = post.rows[at].kind;
    const auto event = fill.Begin(Tape::Kind::kObject);
    fill.Key("event_type").value().AddString(kind == Change::Kind::kDelete ? "delete" : "update");
    fill.Key("message_source").value().AddString(OfMessage(post.source));
    fill.Key("index").value().AddInt(world_.wall().ns / 1'000'000);
    fill.Key("rows");
    const auto rows = fill.Begin(Tape::Kind::kArray);
    for (std::size_t n = 0; at < post.rows.size() && n < options_.rows_per_event; ++n, ++at) {
      if (post.rows[at].kind != kind) break;
      FillRow(post.rows[at], tape);
    }
    fill.End(rows);
    fill.End(event);
  }
  fill.End(events);
  fill.End(body);
}

void RowsAgent::FillRow(const Row& row, Tape* tape) {
  Filler fill(tape);
  const auto begin = fill.Begin(Tape::Kind::kObject);
  fill.Key("path").value().AddString(row.path);
  if (row.kind == Change::Kind::kUpsert) {
    const auto [parent, name] = SplitPath(row.path);
    fill.Key("file_name").value().AddString(name);
    fill.Key("size").value().AddInt(row.attrs.size_bytes);
    fill.Key("modified_time").value().AddDouble(InSeconds(row.attrs.mtime_ns));
    fill.Key("created_time").value().AddDouble(InSeconds(row.attrs.ctime_ns));
    fill.Key("is_directory").value().AddBool(row.attrs.is_directory());
    if (row.atomic) fill.Key("is_atomic_write").value().AddBool(*row.atomic);
    if (row.silent) fill.Key("audit_skipped").value().AddBool(true);
    if (row.parent_mtime_ns) {
      fill.Key("parent_path").value().AddString(parent);
      fill.Key("parent_mtime").value().AddDouble(InSeconds(*row.parent_mtime_ns));
    }
  }
  fill.End(begin);
}

void RowsAgent::OnAnswer(Lane lane, const Status& status) {
  ++attempts_[lane];
  if (status.code() == Code::kNotFound) return Obsolete();
  if (!status.ok()) {  // Busy.
    Later(kRetry, [this, lane] { Attempt(lane); });
    return;
  }
  const bool ended = waiting_[lane].front().last;
  waiting_[lane].pop_front();
  sending_[lane] = false;
  if (ended) Ended(lane);
  Send(lane);
}

}  // namespace fustor::sim
