// `fustor watch`.
#include <algorithm>
#include <map>

#include "base/base64.h"
#include "base/path.h"
#include "svc/client/flow/job.h"
#include "svc/client/wire/answers.h"
#include "svc/client/wire/events.h"

namespace fustor::client {
namespace {

constexpr Nanos kPauseMin = Millis(250);
constexpr Nanos kPauseMax = Seconds(10);

std::string TextOf(const json::Value& value, std::string_view key) {
  return std::string(value.GetStringOr(key, "").value_or(""));
}

// One view that is watched.
class ViewWatch final : public EventFollower {
 public:
  ViewWatch(Job& job, Place place, std::optional<std::string> since)
      : job_(job), place_(std::move(place)), since_(std::move(since)) {
    paths_.push_back(place_.path);
  }

  const std::string& view() const { return place_.view; }
  void AlsoWatch(const Place& place) { paths_.push_back(place.path); }
  bool done() const { return done_; }
  Nanos pause() const { return pause_; }

  Request Ask() override {
    parser_.Restart();
    Request request;
    request.path = "/api/v1/views/" + place_.view + "/changes";
    for (const std::string& path : paths_) request.query.emplace_back("path", path);
    if (since_) request.query.emplace_back("since", *since_);
    request.last_event_id = parser_.last_id();
    return request;
  }

  bool OnPiece(std::string_view piece) override {
    if (lost_) job_.out.Complain(Named() + "connected again");
    lost_ = false;
    connected_ = true;
    pause_ = kPauseMin;
    const Status added = parser_.Add(piece, [&](const StreamEvent& event) {
      const Status taken = Take(event);
      if (!taken.ok()) Fail(NotOfFusion(taken));
      return !done_ && job_.out.open();
    });
    if (!added.ok()) Fail(NotOfFusion(added));
    job_.out.FlushNow();
    if (!job_.out.open()) done_ = true;
    return !done_;
  }

  std::optional<Nanos> OnEnd(const Result<Fusion::Reply>& how) override {
    if (done_) return std::nullopt;
    const Status status = how.ok() ? job_.lookup.StatusOf(*how) : how.status();
    const bool may_pass = status.ok() || status.code() == Code::kUnavailable ||
                          status.code() == Code::kDeadlineExceeded;
    if (!may_pass || (!connected_ && !job_.lookup.waits())) {
      Fail(status.ok() ? Status(Code::kUnavailable, "Fusion ended the stream at once") : status);
      return std::nullopt;
    }
    if (!lost_) {
      const std::string why = status.ok() ? "Fusion has ended the stream" : status.message();
      job_.out.Complain(Named() + HarmlessText(why) + "; trying again");
    }
    lost_ = true;
    const Nanos pause = pause_;
    pause_ = std::min(2 * pause_, kPauseMax);
    // Whoever starts again may listen elsewhere.
    if (!how.ok()) return std::nullopt;
    return pause;
  }

 private:
  std::string Named() const { return "view '" + HarmlessText(place_.view) + "': "; }

  void Fail(const Status& status) {
    done_ = true;
    job_.Fail(status);
  }

  Status Take(const StreamEvent& event) {
    FUSTOR_TRY_ASSIGN(const json::Value value, job_.ports.host.ParseJson(event.data));
    if (event.type == "start") {
      if (job_.common.json) PrintPlace("start", value);
      return {};
    }
    if (event.type == "reset") {
      job_.out.Complain(Named() + "changes were missed (" + HarmlessText(TextOf(value, "reason")) +
                        "); what follows begins at this moment");
      if (job_.common.json) PrintPlace("reset", value);
      return {};
    }
    const json::Value* const document = value.Find("node");
    if (document == nullptr) return {};  // Of a later Fusion.
    FUSTOR_TRY_ASSIGN(const Node node, DecodeNode(*document));
    std::string line;
    if (job_.common.json) {
      AppendJson(event, value, node, *document, &line);
    } else {
      FUSTOR_TRY(AppendLine(event, value, node, &line));
    }
    job_.out.Add(line);
    return {};
  }

  // "start" and "reset" are lines, too: a program must know from where on it is told everything.
  void PrintPlace(const char* kind, const json::Value& value) {
    std::string line;
    JsonWriter json(&line);
    json.BeginObject().Key("kind").String(kind).Key("view").String(place_.view);
    json.Key("revision").Int(value.GetIntOr("revision", 0).value_or(0));
    const std::string reason = TextOf(value, "reason");
    if (!reason.empty()) json.Key("reason").String(reason);
    json.Key("since").String(TextOf(value, "position")).EndObject();
    job_.out.Add(line + "\n");
  }

  std::string OldPath(const json::Value& value) const {
    const std::string exact = TextOf(value, "old_path_b64");
    if (exact.empty()) return place_.RealPath(TextOf(value, "old_path"));
    return place_.RealPath(Base64Decode(exact).value_or(""));
  }

  void AppendJson(const StreamEvent& event, const json::Value& value, const Node& node,
                  const json::Value& document, std::string* line) const {
    JsonWriter json(line);
    json.BeginObject().Key("kind").String(event.type);
    for (const char* const key : {"time", "revision", "changed"}) {
      const json::Value* const member = value.Find(key);
      if (member == nullptr) continue;
      json.Key(key);
      member->Write(&json);
    }
    if (event.type == "moved") {
      const std::string old_path = OldPath(value);
      json.Key("old_path").String(old_path);
      if (!IsUtf8(old_path)) json.Key("old_path_b64").String(Base64Encode(old_path));
    }
    if (event.has_id) json.Key("since").String(parser_.last_id());
    *line += ',';
    const std::size_t at = line->size();
    AppendEntryJson({place_.view, place_.root, node.path}, node, document, line);
    line->erase(at, 1);  // Its opening brace: it is one object.
  }

  // A person wants to know what was done. That an entry is trusted more or less, that it was read
  // or got another link, and that a directory's times follow what is in it is only told to
  // programs.
  static bool IsEcho(const json::Value& value, const Node& node) {
    const json::Value* const changed = value.Find("changed");
    if (changed == nullptr) return false;
    return std::ranges::none_of(changed->items(), [&](const json::Value& what) {
      const std::string_view name = what.AsString().value_or("");
      return name == "permissions" || (name == "content" && !node.attrs.is_directory());
    });
  }

  Status AppendLine(const StreamEvent& event, const json::Value& value, const Node& node,
                    std::string* line) const {
    if (event.type == "updated" && IsEcho(value, node)) return {};
    FUSTOR_TRY_ASSIGN(const double seconds, value.GetDouble("time"));
    *line += FullTimeText(job_.ports.host, static_cast<std::int64_t>(seconds * 1e3) * 1'000'000, 3)
                 .substr(0, 23);
    *line += ' ' + event.type + std::string(event.type.size() < 7 ? 7 - event.type.size() : 0, ' ');
    std::string size = "-";
    if (!node.attrs.is_directory()) size = std::to_string(node.attrs.size_bytes);
    *line += ' ' + std::string(size.size() < 12 ? 12 - size.size() : 0, ' ') + size + ' ';
    if (event.type == "moved") *line += job_.out.Shown(OldPath(value)) + " -> ";
    *line += job_.out.Painted(place_.RealPath(node.path), node.attrs);
    if (node.attrs.is_directory()) *line += '/';
    *line += '\n';
    return {};
  }

  Job& job_;
  const Place place_;
  std::vector<std::string> paths_;
  const std::optional<std::string> since_;
  EventStreamParser parser_;
  Nanos pause_ = kPauseMin;
  bool connected_ = false;  // Ever.
  bool lost_ = false;       // And said so.
  bool done_ = false;
};

// A watch for each view that shows one of the paths.
std::vector<std::unique_ptr<ViewWatch>> MakeWatches(Job& job, const WatchOptions& options) {
  const std::vector<std::string> paths = PathsOrHere(options.paths);
  std::vector<std::unique_ptr<ViewWatch>> watches;
  for (const std::string& path : paths) {
    Result<Place> place = job.lookup.Locate(path, Lookup::Links::kFollow);
    if (!place.ok()) {
      job.Fail(place.status());
      continue;
    }
    const auto same = std::ranges::find(watches, place->view, &ViewWatch::view);
    if (same != watches.end()) {
      (*same)->AlsoWatch(*place);
    } else {
      watches.push_back(std::make_unique<ViewWatch>(job, *std::move(place), options.since));
    }
  }
  return watches;
}

}  // namespace

void WatchChanges(Job& job, const WatchOptions& options) {
  const std::vector<std::unique_ptr<ViewWatch>> watches = MakeWatches(job, options);
  if (options.since && watches.size() > 1) {
    job.out.Complain("--since counts the revisions of one view; these paths are in several");
    job.exit_code = cli::kExitUsage;
    return;
  }
  for (;;) {
    std::vector<EventFollower*> open;
    Nanos pause = kPauseMax;
    for (const auto& watch : watches) {
      if (watch->done()) continue;
      open.push_back(watch.get());
      pause = std::min(pause, watch->pause());
    }
    if (open.empty() || !job.out.open()) return;
    job.lookup.Follow(open);
    if (std::ranges::all_of(watches, [](const auto& watch) { return watch->done(); })) return;
    job.ports.host.Pause(pause);
    job.out.FlushNow();
  }
}

}  // namespace fustor::client
