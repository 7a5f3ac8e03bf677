// fakes_testing.h: a Fusion over a list of entries, a terminal and a machine in memory, for tests.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "adapters/json/parse.h"
#include "base/path.h"
#include "svc/client/ports.h"

namespace fustor::client {

struct FakeEntry {
  std::string path;
  EntryKind kind = EntryKind::kFile;
  std::int64_t size = 0;
  std::string target = "";
  std::uint32_t mode = 0644;
  std::string flags = "";  // More members, as JSON: ",\"integrity_suspect\":true"
};

// Path order: '/' before all other bytes.
struct PathOrder {
  bool operator()(const std::string& a, const std::string& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
      const auto rank = [](char c) { return c == '/' ? -1 : static_cast<unsigned char>(c); };
      return rank(x) < rank(y);
    });
  }
};

// One view of entries; answers as svc/fusion/wire does, in small pages.
struct FakeTree {
  std::map<std::string, FakeEntry, PathOrder> entries;
  std::uint64_t page_max = 3;

  void Add(FakeEntry entry) {
    if (entry.kind == EntryKind::kDirectory && entry.mode == 0644) entry.mode = 0755;
    entries[entry.path] = std::move(entry);
  }

  std::string NodeJson(const FakeEntry& e, bool totals) const {
    const std::uint32_t type = e.kind == EntryKind::kDirectory ? 0040000
                               : e.kind == EntryKind::kSymlink ? 0120000
                                                               : 0100000;
    std::string out;
    JsonWriter json(&out);
    json.BeginObject().Key("name").String(SplitPath(e.path).second);
    json.Key("path").String(e.path).Key("content_type");
    json.String(e.kind == EntryKind::kDirectory ? "directory" : "file");
    json.Key("size").Int(e.size).Key("integrity_suspect").Bool(false);
    json.Key("last_agent_id").String("agent-1").Key("source_uri").String("/data");
    json.Key("modified_time_ns").Int(1'600'000'000'123'456'789);
    json.Key("changed_time").Raw("1600000001.5").Key("accessed_time").Raw("1600000002.25");
    json.Key("mode").Uint(type | e.mode).Key("uid").Uint(7).Key("gid").Uint(8);
    json.Key("inode").Uint(42).Key("nlink").Uint(1);
    json.Key("allocated_size").Int(Allocated(e));
    if (e.kind == EntryKind::kSymlink) {
      json.Key("symlink_target").String(e.target).Key("kind").String("symlink");
    }
    if (totals && e.kind == EntryKind::kDirectory) WriteTotals(e, &json);
    json.EndObject();
    out.pop_back();
    return out + e.flags + "}";
  }

  static std::int64_t Allocated(const FakeEntry& e) { return (e.size + 511) / 512 * 512; }

  void WriteTotals(const FakeEntry& directory, JsonWriter* json) const {
    std::uint64_t files = 0, directories = 0;
    std::int64_t bytes = 0, allocated = 0;
    for (const auto& [path, e] : entries) {
      if (!IsWithin(path, directory.path)) continue;
      ++(e.kind == EntryKind::kDirectory ? directories : files);
      bytes += e.size;
      allocated += Allocated(e);
    }
    json->Key("totals").BeginObject().Key("file_count").Uint(files);
    json->Key("dir_count").Uint(directories).Key("total_size").Int(bytes);
    json->Key("allocated_size").Int(allocated);
    json->Key("latest_mtime_ns").Int(1'600'000'000'123'456'789).EndObject();
  }

  using Values = std::map<std::string, std::string>;

  // nullopt: 404.
  std::optional<std::string> Tree(const Values& query) const {
    const auto at = entries.find(query.at("path"));
    if (at == entries.end()) return std::nullopt;
    std::string node = NodeJson(at->second, query.contains("totals"));
    if (query.contains("max_depth")) return node;
    node.pop_back();
    std::vector<const FakeEntry*> children;
    for (const auto& [path, e] : entries) {
      if (path != "/" && SplitPath(path).first == query.at("path")) children.push_back(&e);
    }
    return node + ",\"children\":" + Page(children, query) + "}";
  }

  std::string Search(const Values& query) const {
    const std::string& under = query.at("under");
    const auto depth_max =
        query.contains("max_depth") ? std::stoul(query.at("max_depth")) : std::size_t{1000};
    const std::string type = query.contains("type") ? query.at("type") : "no directories";
    std::vector<const FakeEntry*> found;
    for (const auto& [path, e] : entries) {
      if (path == "/" || !IsWithin(path, under)) continue;
      const std::string below = path.substr(under == "/" ? 0 : under.size());
      if (static_cast<std::size_t>(std::count(below.begin(), below.end(), '/')) > depth_max) {
        continue;
      }
      const bool directory = e.kind == EntryKind::kDirectory;
      if (type == "directory" ? !directory : type == "any" ? false : directory) continue;
      if (query.contains("pattern") && path.find(query.at("pattern")) == std::string::npos) {
        continue;
      }
      found.push_back(&e);
    }
    return "{\"items\":" + Page(found, query) + "}";
  }

  // `[...],"next":...`
  std::string Page(const std::vector<const FakeEntry*>& all, const Values& query) const {
    const std::size_t from = query.contains("cursor") ? std::stoul(query.at("cursor")) : 0;
    const std::size_t most = std::min<std::uint64_t>(page_max, std::stoul(query.at("limit")));
    std::string out = "[";
    std::size_t i = from;
    for (; i < all.size() && i < from + most; ++i) {
      out += (i == from ? "" : ",") + NodeJson(*all[i], query.contains("totals"));
    }
    return out + "],\"next\":" + (i < all.size() ? "\"" + std::to_string(i) + "\"" : "null");
  }
};

// What is behind all URLs.
struct FakeWorld {
  std::map<std::string, FakeTree> views;
  std::map<std::string, std::string> sources;  // By view.
  std::map<std::string, std::vector<std::string>>
      said;          // Replies by path, instead; the last stays.
  int status = 200;  // With `said`.
  std::string freshness;
  std::string key = "k";
  bool running = true;
  std::vector<std::string> asked;
  struct Stream {
    std::vector<std::string> pieces = {};
    int status = 200;
    std::string body = "{}";
  };
  std::map<std::string, std::vector<Stream>> streams;  // By path, one after the other.
  std::map<std::string, Stream> downloads;             // By path; status 0: it breaks off.
};

class FakeFusion : public Fusion {
 public:
  FakeFusion(FakeWorld& world, std::string key) : world_(world), key_(std::move(key)) {}

  // What `streams` says of the path, piece by piece; then the next of it, or that nobody answers.
  void Follow(const std::vector<EventFollower*>& followers) override {
    for (EventFollower* follower : followers) {
      bool again = true;
      while (again) again = FollowOnce(follower);
    }
  }

  Result<Reply> Download(const std::string& path, const Query& query,
                         const std::function<bool(std::string_view)>& on_piece) override {
    std::string asked = path;
    for (const auto& [name, value] : query) asked += " " + name + "=" + value;
    world_.asked.push_back(asked);
    const FakeWorld::Stream& stream = world_.downloads[path];
    for (const std::string& piece : stream.pieces) {
      if (!on_piece(piece)) return Status(Code::kCancelled, "that is enough");
    }
    if (stream.status == 0) return Status(Code::kDataLoss, "connection lost");
    return Answer(stream.status, stream.body);
  }

  Result<Reply> Get(const std::string& path, const Query& query) override {
    std::string asked = path;
    FakeTree::Values values;
    for (const auto& [name, value] : query) {
      asked += (values.empty() ? "?" : "&") + name + "=" + value;
      values[name] = value;
    }
    world_.asked.push_back(asked);
    if (!world_.running) return Status(Code::kUnavailable, "connection refused");
    if (key_ != world_.key) return Answer(401, R"({"detail":"Invalid API key"})");
    const auto said = world_.said.find(path);
    if (said != world_.said.end()) {
      const std::string text = said->second.front();
      if (said->second.size() > 1) said->second.erase(said->second.begin());
      return Answer(text.find("\"detail\"") == std::string::npos ? 200 : world_.status, text);
    }
    if (path == "/api/v1/views/") return Answer(200, Views());
    for (const auto& [id, tree] : world_.views) {
      const std::string base = "/api/v1/views/" + id;
      if (path == base + "/search") return Answer(200, tree.Search(values));
      if (path != base + "/tree") continue;
      const std::optional<std::string> node = tree.Tree(values);
      return node ? Answer(200, *node) : Answer(404, R"({"detail":"Path '/x' not found"})");
    }
    return Answer(404, R"({"detail":"Not Found"})");
  }

 private:
  bool FollowOnce(EventFollower* follower) {
    const EventFollower::Request request = follower->Ask();
    std::string asked = request.path;
    for (const auto& [name, value] : request.query) asked += " " + name + "=" + value;
    if (!request.last_event_id.empty()) asked += " id=" + request.last_event_id;
    world_.asked.push_back(asked);
    auto& streams = world_.streams[request.path];
    if (streams.empty()) {
      return follower->OnEnd(Status(Code::kUnavailable, "connection refused")).has_value();
    }
    const FakeWorld::Stream stream = streams.front();
    streams.erase(streams.begin());
    for (const std::string& piece : stream.pieces) {
      if (!follower->OnPiece(piece)) return false;
    }
    return follower->OnEnd(Answer(stream.status, stream.body)).has_value();
  }

  Result<Reply> Answer(int status, const std::string& body) const {
    Reply reply;
    reply.status = status;
    reply.freshness = world_.freshness;
    FUSTOR_TRY_ASSIGN(reply.body, json::Parse(body));
    return reply;
  }

  std::string Views() const {
    std::string out;
    JsonWriter json(&out);
    json.BeginObject().Key("views").BeginArray();
    for (const auto& [id, tree] : world_.views) {
      json.BeginObject().Key("id").String(id).Key("source_uris").BeginArray();
      json.String(world_.sources.at(id)).EndArray().Key("ready").Bool(true).EndObject();
    }
    json.EndArray().EndObject();
    return out;
  }

  FakeWorld& world_;
  const std::string key_;
};

class FakeTerminal : public Terminal {
 public:
  Status Write(std::string_view bytes) override {
    if (!failure_.ok()) return failure_;
    text_ += bytes;
    if (text_.size() > bytes_max_) failure_ = Status(Code::kCancelled, "nobody reads");
    return failure_;
  }
  void WriteError(std::string_view text) override { errors_ += text; }
  bool has_reader() const override { return has_reader_; }
  bool interactive() const override { return interactive_; }
  bool colours() const override { return colours_; }
  std::size_t columns() const override { return 20; }
  bool errors_interactive() const override { return errors_interactive_; }

  std::string text_, errors_;
  bool interactive_ = false, colours_ = false, has_reader_ = true;
  bool errors_interactive_ = false;
  std::size_t bytes_max_ = SIZE_MAX;
  Status failure_;
};

// Keeps what was committed in a map.
class FakeNewFile : public NewFile {
 public:
  FakeNewFile(std::map<std::string, std::string>& files, std::string path, std::size_t bytes_max)
      : files_(files), path_(std::move(path)), bytes_max_(bytes_max) {}
  Status Write(std::string_view bytes) override {
    content_ += bytes;
    if (content_.size() > bytes_max_) return Status(Code::kResourceExhausted, "the disk is full");
    return {};
  }
  Status Commit() override {
    files_[path_] = content_;
    return {};
  }

 private:
  std::map<std::string, std::string>& files_;
  const std::string path_;
  const std::size_t bytes_max_;
  std::string content_;
};

// In UTC. Every path exists and is a directory when `real_` is set.
class FakeHost : public Host {
 public:
  WallTime Now() const override { return {1'700'000'000'000'000'000}; }
  void Pause(Nanos) override {
    ++pauses_;
    if (on_pause_) on_pause_();
  }
  Civil LocalTime(WallTime time) const override {
    const std::string utc = FormatUtc(time);
    const auto number = [&utc](std::size_t at, std::size_t n) {
      return std::stoi(utc.substr(at, n));
    };
    return {.year = number(0, 4),
            .month = number(5, 2),
            .day = number(8, 2),
            .hour = number(11, 2),
            .minute = number(14, 2),
            .second = number(17, 2)};
  }
  std::string WorkingDirectory() const override { return "/data/d"; }
  Result<std::string> RealPath(const std::string& path) const override {
    if (!real_) return Status(Code::kNotFound, "no such file");
    std::string done;
    std::string_view rest = path;
    for (auto name = NextComponent(&rest); !name.empty(); name = NextComponent(&rest)) {
      if (name == ".") continue;
      if (name == "..") {
        done.resize(done.empty() ? 0 : done.rfind('/'));
        continue;
      }
      (done += '/') += name;
      const auto link = links_.find(done);
      if (link != links_.end()) done = link->second;
    }
    return done.empty() ? "/" : done;
  }
  bool IsUser(const std::string& name) const override { return name == "ann"; }
  bool IsGroup(const std::string& name) const override { return name == "staff"; }
  std::optional<std::uint32_t> UserId(const std::string& name) const override {
    return IsUser(name) ? std::optional<std::uint32_t>(7) : std::nullopt;
  }
  std::optional<std::uint32_t> GroupId(const std::string& name) const override {
    return IsGroup(name) ? std::optional<std::uint32_t>(8) : std::nullopt;
  }
  Result<FileTimes> Times(const std::string& path) const override {
    const auto it = times_.find(path);
    if (it == times_.end()) return Status(Code::kNotFound, "no such file");
    return it->second;
  }
  std::optional<std::string> Variable(const std::string& name) const override {
    const auto it = variables_.find(name);
    return it == variables_.end() ? std::nullopt : std::optional(it->second);
  }
  std::string UserName(std::uint32_t uid) const override { return uid == 7 ? "ann" : "0"; }
  std::string GroupName(std::uint32_t gid) const override { return gid == 8 ? "staff" : "0"; }
  Result<std::string> ReadFile(const std::string& path, std::size_t) const override {
    const auto it = files_.find(path);
    if (it == files_.end()) return Status(Code::kNotFound, "no such file");
    if (it->second == "forbidden") return Status(Code::kPermissionDenied, "no");
    return it->second;
  }
  Result<json::Value> ParseJson(std::string_view text) const override { return json::Parse(text); }
  Result<std::unique_ptr<NewFile>> CreateFile(const std::string& path) const override {
    if (path.starts_with("/none")) return Status(Code::kNotFound, "no such folder");
    return std::unique_ptr<NewFile>(std::make_unique<FakeNewFile>(written_, path, disk_bytes_));
  }

  mutable std::map<std::string, std::string> written_;
  std::size_t disk_bytes_ = SIZE_MAX;
  std::map<std::string, std::string> variables_ = {{"HOME", "/home/u"}};
  std::map<std::string, std::string> files_ = {
      {"/home/u/.fustor/connection.json", R"({"url":"http://local","grpc":"g","key":"k"})"}};
  std::map<std::string, std::string> links_;
  std::map<std::string, FileTimes> times_;
  bool real_ = true;
  int pauses_ = 0;
  std::function<void()> on_pause_;
};

}  // namespace fustor::client
