// Runs testdata/*.txt: stories of what agents report and what the tree is then. The language is
// told in testdata/README.md. UPDATE_GOLDEN=1 rewrites what is expected.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/path.h"
#include "svc/fusion/core/arbiter.h"

namespace fustor::fusion {
namespace {

constexpr double kSecond = 1e9;

struct Words {
  std::vector<std::string> plain;
  std::map<std::string, std::string> named;

  bool Has(std::string_view word) const {
    return std::find(plain.begin(), plain.end(), word) != plain.end();
  }
  std::string Named(const std::string& name, const std::string& otherwise = "") const {
    const auto it = named.find(name);
    return it == named.end() ? otherwise : it->second;
  }
  std::int64_t Time(const std::string& name) const {
    return static_cast<std::int64_t>(std::stod(Named(name, "0")) * kSecond);
  }
  std::int64_t Number(const std::string& name) const { return std::stoll(Named(name, "0")); }
};

Words Split(const std::string& line) {
  Words words;
  std::istringstream in(line);
  for (std::string word; in >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      words.plain.push_back(word);
    } else {
      words.named[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  return words;
}

std::string Seconds3(std::int64_t ns) {
  std::ostringstream out;
  out << static_cast<double>(ns) / kSecond;
  return out.str();
}

EntryAttrs Attrs(const Words& words, bool directory) {
  EntryAttrs attrs;
  attrs.kind = directory           ? EntryKind::kDirectory
               : words.Has("->")   ? EntryKind::kSymlink
               : words.Has("fifo") ? EntryKind::kOther
                                   : EntryKind::kFile;
  attrs.mode = directory ? 040755 : 0100644;
  attrs.size_bytes = words.Number("size");
  attrs.inode = static_cast<std::uint64_t>(words.Number("inode"));
  attrs.nlink = static_cast<std::uint32_t>(words.Number("nlink"));
  attrs.mtime_ns = words.Time("mtime");
  attrs.ctime_ns = words.Time("ctime");
  return attrs;
}

std::string Target(const Words& words) {
  const auto arrow = std::find(words.plain.begin(), words.plain.end(), "->");
  return arrow == words.plain.end() || arrow + 1 == words.plain.end() ? "" : arrow[1];
}

std::vector<std::string> Commas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

class Story {
 public:
  // What the story shows. Throws std::runtime_error for a line that is not understood.
  std::string Run(const std::string& script) {
    std::istringstream in(script);
    for (std::string line; std::getline(in, line);) {
      const std::size_t hash = line.find('#');
      if (hash != std::string::npos) line.resize(hash);
      const bool row = line.starts_with("  ");
      const Words words = Split(line);
      if (words.plain.empty() && words.named.empty()) continue;
      if (row) {
        AddRow(words);
        continue;
      }
      FlushBlock();
      Step(words);
    }
    FlushBlock();
    return out_.str();
  }

 private:
  Arbiter& arbiter() {
    if (!arbiter_) arbiter_.emplace(options_, tree_);
    return *arbiter_;
  }
  Now now() const { return {{now_ns_}, {now_ns_}}; }
  std::uint16_t Reporter(const std::string& agent) {
    return static_cast<std::uint16_t>(agent.at(0) - 'A' + 1);
  }
  // Each `start` gives an agent another one.
  SessionKey Session(const std::string& agent) {
    return {Reporter(agent) + 100ull * sessions_[agent]};
  }

  void Apply(const batch::Batch& batch, const std::string& agent) {
    did_ = arbiter().Apply(batch, Session(agent), Reporter(agent), now(),
                           arrived_.value_or(Instant{now_ns_}));
    arrived_.reset();
  }

  void Step(const Words& words) {
    const std::string& verb = words.plain.at(0);
    if (verb == "options") return SetOptions(words);
    if (verb == "at") {
      now_ns_ = static_cast<std::int64_t>(std::stod(words.plain.at(1)) * kSecond);
    } else if (verb == "upsert" || verb == "delete" || verb == "move") {
      Change(verb, words);
    } else if (verb == "lost") {
      batch::Batch batch;
      batch.lost_events = true;
      if (words.plain.size() > 2) batch.scan_path = words.plain[2];
      Apply(batch, words.plain.at(1));
    } else if (verb == "begin" || verb == "end") {
      batch::Batch batch = ScanBatch(words);
      batch.mark = verb == "begin" ? batch::ScanMark::kBegin : batch::ScanMark::kEnd;
      if (verb == "begin" && words.plain.size() > 3) batch.scan_path = words.plain[3];
      batch.full_every = static_cast<std::uint32_t>(words.Number("every"));
      batch.shallow = words.Has("alone");
      if (words.Has("failed")) batch.job_error = "given up";
      Apply(batch, words.plain.at(1));
    } else if (verb == "block") {
      BeginBlock(words);
    } else if (verb == "start") {
      ++sessions_[words.plain.at(1)];
      arbiter().SessionStarted(Session(words.plain.at(1)), std::stod(words.Named("fraction", "0")));
    } else if (verb == "stop") {
      arbiter().SessionEnded(Session(words.plain.at(1)));
    } else if (verb == "settle") {
      Settle(words);
    } else if (verb == "sweep") {
      Sweep(words);
    } else if (verb == "tick") {
      ticked_ = arbiter().Tick(now(), 1000);
    } else if (verb == "reset") {
      arbiter().Reset();
    } else if (verb == "show") {
      Show(words.plain.at(1));
    } else {
      throw std::runtime_error("what is '" + verb + "'?");
    }
  }

  void Settle(const Words& words) {
    const batch::Sighting sighting{words.plain.at(1), words.Time("mtime"), words.Number("size"),
                                   words.Time("ctime")};
    out_ << "differing:";
    for (const std::string& path : arbiter().Settle({sighting}, now())) out_ << " " << path;
    out_ << "\n";
  }

  void Sweep(const Words& words) {
    Arbiter::Sighting sighting;
    sighting.path = words.plain.at(1);
    sighting.missing = words.Has("missing");
    sighting.mtime_ns = words.Time("mtime");
    if (words.named.contains("size")) sighting.size_bytes = words.Number("size");
    arbiter().Sweep({sighting}, now());
  }

  void SetOptions(const Words& words) {
    if (words.named.contains("hot")) options_.hot_file_threshold = Nanos(words.Time("hot"));
    if (words.named.contains("ttl")) options_.tombstone_ttl = Nanos(words.Time("ttl"));
    if (words.named.contains("fraction")) {
      options_.delete_fraction_max = std::stod(words.Named("fraction"));
      options_.deletes_free = static_cast<std::uint64_t>(words.Number("free"));
    }
    if (words.named.contains("doomed")) {
      options_.doomed_max = static_cast<std::size_t>(words.Number("doomed"));
    }
    options_.max_tree_items = static_cast<std::uint64_t>(words.Number("max_items"));
    if (words.named.contains("tombstones")) {
      options_.tombstones_max = static_cast<std::size_t>(words.Number("tombstones"));
    }
    if (words.named.contains("blind_spots")) {
      options_.blind_spots_max = static_cast<std::size_t>(words.Number("blind_spots"));
    }
    if (words.named.contains("suspects")) {
      options_.suspects_max = static_cast<std::size_t>(words.Number("suspects"));
    }
  }

  void Change(const std::string& verb, const Words& words) {
    batch::Batch batch;
    batch::Change change;
    change.path = words.plain.at(2);
    if (verb == "upsert") {
      const bool directory = change.path.size() > 1 && change.path.ends_with('/');
      if (directory) change.path.pop_back();
      change.attrs = Attrs(words, directory || (change.path == "/" && !words.Has("file")));
      change.target = Target(words);
      change.atomic = !words.Has("partial");
    } else if (verb == "delete") {
      change.kind = batch::Change::Kind::kDelete;
    } else {
      change.kind = batch::Change::Kind::kMove;
      using Moved = batch::Change::Moved;
      change.old_path = words.plain.at(2);
      change.path = words.plain.at(3);
      if (words.Has("directory")) change.moved = Moved::kDirectory;
      if (words.Has("file")) change.moved = Moved::kOther;
      change.moved_inode = static_cast<std::uint64_t>(words.Number("inode"));
    }
    if (words.named.contains("arrived")) arrived_ = Instant{words.Time("arrived")};
    batch.changes.push_back(std::move(change));
    Apply(batch, words.plain.at(1));
  }

  batch::Batch ScanBatch(const Words& words) {
    batch::Batch batch;
    const std::string& kind = words.plain.at(2);
    batch.source = kind == "audit"      ? batch::Source::kAudit
                   : kind == "job"      ? batch::Source::kJob
                   : kind == "snapshot" ? batch::Source::kSnapshot
                   : kind == "realtime" ? batch::Source::kRealtime
                                        : throw std::runtime_error("what is '" + kind + "'?");
    batch.loose = words.Has("loose");
    if (words.named.contains("arrived")) arrived_ = Instant{words.Time("arrived")};
    if (kind != "realtime") batch.scan_id = static_cast<std::uint64_t>(batch.source);
    return batch;
  }

  void BeginBlock(const Words& words) {
    agent_ = words.plain.at(1);
    pending_ = ScanBatch(words);
    batch::DirBlock block;
    block.path = words.plain.at(3);
    if (words.Has("bare")) {
      block.self = EntryAttrs{};
    } else {
      block.self = Attrs(words, true);
    }
    block.complete = words.Has("complete");
    block.failed = words.Has("failed");
    block.silent = words.Has("silent");
    block.unwatched = words.Has("unwatched");
    if (words.named.contains("seen")) block.seen_mtime_ns = words.Time("seen");
    block.exempt = Commas(words.Named("exempt"));
    pending_->blocks.push_back(std::move(block));
  }

  void AddRow(const Words& words) {
    if (!pending_) throw std::runtime_error("a row without a block");
    std::string name = words.plain.at(0);
    const bool directory = name.ends_with('/');
    if (directory) name.pop_back();
    pending_->blocks.back().rows.Append(name, Attrs(words, directory), Target(words));
  }

  void FlushBlock() {
    if (!pending_) return;
    pending_->blocks.back().rows.SortByName();
    Apply(*pending_, agent_);
    pending_.reset();
  }

  void Show(const std::string& what) {
    if (what == "tree") return ShowTree();
    if (what == "did") return ShowOutcome();
    if (what == "suspects") {
      out_ << "suspects:\n";
      for (const auto& suspect : arbiter().suspects(1000)) {
        out_ << "  " << suspect.path << " until " << Seconds3(suspect.until.ns) << "\n";
      }
    } else if (what == "blind-spots") {
      const Arbiter::BlindSpots& spots = arbiter().blind_spots();
      out_ << "blind-spots: " << spots.additions_count << " additions, " << spots.deletions_count
           << " deletions\n";
      for (const std::string& path : spots.additions) out_ << "  + " << path << "\n";
      for (const std::string& path : spots.deletions) out_ << "  - " << path << "\n";
    } else if (what == "uncertain") {
      out_ << "uncertain:\n";
      for (const Uncertain& lost : arbiter().uncertain()) {
        out_ << "  " << lost.path << " since " << Seconds3(lost.since.ns) << " ";
        if (lost.session.value == 0) {
          out_ << "(its session has ended)\n";
        } else {
          out_ << static_cast<char>('A' + (lost.session.value - 1) % 100) << "\n";
        }
      }
    } else if (what == "evidence") {
      out_ << "every file seen since: ";
      const std::optional<WallTime> since = arbiter().files_seen_since();
      out_ << (since ? Seconds3(since->ns) : "not every") << "\n";
    } else if (what == "unwatched") {
      out_ << "unwatched:";
      for (const std::string& path : arbiter().audit_only(10)) out_ << " " << path;
      out_ << "\n";
    } else if (what == "alarm") {
      ShowAlarm();
    } else if (what == "tombstones") {
      out_ << "tombstones: " << arbiter().tombstone_count() << "\n";
    } else if (what == "clock") {
      out_ << "clock: " << Seconds3(arbiter().watermark(now()).ns) << "\n";
    } else if (what == "ticked") {
      out_ << "ticked: " << ticked_ << "\n";
    } else {
      throw std::runtime_error("show what: '" + what + "'?");
    }
  }

  void ShowAlarm() {
    const std::optional<Arbiter::Alarm>& alarm = arbiter().alarm();
    if (!alarm) {
      out_ << "no alarm\n";
      return;
    }
    out_ << "alarm: " << alarm->missing << " of " << alarm->entries << " missing, "
         << alarm->fraction_max << " may be, since " << Seconds3(alarm->since.ns);
    if (alarm->too_many_paths) out_ << ", too many paths";
    out_ << "\n";
  }

  void ShowOutcome() {
    out_ << "did:";
    const auto print = [this](const char* name, std::uint64_t n) {
      if (n != 0) out_ << " " << name << "=" << n;
    };
    print("inserted", did_.inserted);
    print("updated", did_.updated);
    print("unchanged", did_.unchanged);
    print("deleted", did_.deleted);
    print("moved", did_.moved);
    print("zombies", did_.zombies);
    print("stale", did_.stale);
    print("refused", did_.refused);
    print("ignored", did_.ignored);
    if (did_.scan_ended) out_ << " scan_ended";
    if (did_.stopped) out_ << " stopped";
    print("failed_directories", did_.failed_directories);
    out_ << "\n";
  }

  void ShowTree() {
    arbiter();
    out_ << "tree:\n";
    ShowBelow(tree::kRoot, "/");
  }

  void ShowBelow(tree::DirId dir, const std::string& path) {
    std::vector<std::pair<std::string, tree::DirId>> below;
    tree_.ForEachChild(dir, [&](std::string_view name, const tree::Entry& entry) {
      const std::string child = JoinPath(path, name);
      ShowEntry(child, entry);
      if (entry.attrs.is_directory()) below.emplace_back(child, entry.dir);
      return true;
    });
    for (const auto& [child, id] : below) ShowBelow(id, child);
  }

  void ShowEntry(const std::string& path, const tree::Entry& entry) {
    const bool directory = entry.attrs.is_directory();
    out_ << "  " << path << (directory ? "/" : "");
    if (!entry.target.empty()) out_ << " -> " << entry.target;
    if (!directory) out_ << " size=" << entry.attrs.size_bytes;
    if ((entry.flags & tree::kImplied) == 0) {
      out_ << " mtime=" << Seconds3(entry.attrs.mtime_ns);
    }
    if (entry.attrs.nlink > 1) {
      out_ << " nlink=" << entry.attrs.nlink << " ctime=" << Seconds3(entry.attrs.ctime_ns);
    }
    if ((entry.flags & tree::kImplied) != 0) out_ << " implied";
    if ((entry.flags & tree::kSuspect) != 0) out_ << " suspect";
    if ((entry.flags & tree::kAuditSkipped) != 0) out_ << " audit-skipped";
    if ((entry.flags & tree::kKnownByAgent) == 0) out_ << " agent-missing";
    out_ << " by " << static_cast<char>('A' + entry.reporter - 1);
    if (entry.confirmed_ns != 0) out_ << " confirmed@" << Seconds3(entry.confirmed_ns);
    out_ << "\n";
  }

  Arbiter::Options options_;
  tree::Tree tree_;
  std::optional<Arbiter> arbiter_;
  std::int64_t now_ns_ = 0;
  std::ostringstream out_;
  std::map<std::string, std::uint64_t> sessions_;
  Arbiter::Outcome did_;
  std::size_t ticked_ = 0;
  std::string agent_;
  std::optional<batch::Batch> pending_;
  std::optional<Instant> arrived_;
};

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, EndsAsTold) {
  const std::filesystem::path path = std::filesystem::path(FUSTOR_TESTDATA) / GetParam();
  const std::string text = ReadAll(path);
  const std::string rule = "----\n";
  const std::size_t at = text.find("\n" + rule);
  ASSERT_NE(at, std::string::npos) << path << " has no line of ----";
  const std::string script = text.substr(0, at + 1);
  const std::string wanted = text.substr(at + 1 + rule.size());
  const std::string got = Story().Run(script);
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << script << rule << got;
    return;
  }
  EXPECT_EQ(got, wanted) << path;
}

std::vector<std::string> Files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(FUSTOR_TESTDATA)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path().filename());
  }
  std::sort(files.begin(), files.end());
  return files;
}

INSTANTIATE_TEST_SUITE_P(Told, Scenario, testing::ValuesIn(Files()),
                         [](const testing::TestParamInfo<std::string>& file) {
                           return file.param.substr(0, file.param.size() - 4);
                         });

}  // namespace
}  // namespace fustor::fusion
