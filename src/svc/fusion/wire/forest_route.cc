// Answers of a forest: what each of its members would have answered, one behind the other.

#include <algorithm>
#include <array>

#include "base/path.h"
#include "lib/http/answers.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

// What `best` may ask for.
constexpr std::array<std::string_view, 3> kMeasures = {"file_count", "total_size", "latest_mtime"};

// Hands on the answer of one member as a member of the JSON object that has begun.
class MemberWriter final : public http::ResponseWriter {
 public:
  MemberWriter(http::ResponseWriter& writer, std::string head)
      : writer_(writer), head_(std::move(head)) {}

  env::Task<Status> Send(int status, http::Headers headers, std::string body) override {
    std::string text = Head(status, headers);
    text += body.empty() ? "null" : body;
    text += '}';
    co_return co_await writer_.Write(std::move(text));
  }
  env::Task<Status> Start(int status, http::Headers headers) override {
    std::string head = Head(status, headers);
    ended_ = false;
    return writer_.Write(std::move(head));
  }
  env::Task<Status> Write(std::string piece) override { return writer_.Write(std::move(piece)); }
  env::Task<Status> End() override {
    ended_ = true;
    return writer_.Write("}");
  }
  int status() const override { return status_; }
  // The answer stands in the object from its beginning to its end.
  bool whole() const { return ended_; }

 private:
  std::string Head(int status, const http::Headers& headers) {
    status_ = status;
    ended_ = true;
    std::string text = std::move(head_);
    JsonWriter json(&text);
    text += "{\"status\":" + std::to_string(status);
    for (const auto& [header, key] :
         {std::pair{"X-Fustor-Freshness", "freshness"}, std::pair{"Retry-After", "retry_after"}}) {
      const auto value = headers.Find(header);
      if (!value) continue;
      text += ",\"" + std::string(key) + "\":\"";
      AppendJsonEscaped(&text, *value);
      text += '"';
    }
    text += status < 300 ? ",\"data\":" : ",\"error\":";
    return text;
  }

  http::ResponseWriter& writer_;
  std::string head_;
  int status_ = 0;
  bool ended_ = false;
};

struct BestMember {
  std::shared_ptr<View> view;
  std::int64_t value = 0;
};

// By `measure` of what is at `path`; none where nobody who may be asked has it. The first one of
// equals.
BestMember BestOf(const std::vector<std::shared_ptr<View>>& members, std::string_view measure,
                  std::string_view path) {
  BestMember best;
  for (const std::shared_ptr<View>& member : members) {
    const std::shared_ptr<const ViewStatus> status = member->status();
    if (!status->ready && !(status->stale_ok && status->was_ready_once)) continue;
    const Result<tree::Snapshot> snapshot = member->Pin();
    if (!snapshot.ok()) continue;
    const std::optional<tree::Entry> entry = snapshot->Find(path);
    if (!entry) continue;
    const tree::Aggregates sums = SumsOf(*snapshot, *entry);
    const std::int64_t value = measure == "file_count"   ? static_cast<std::int64_t>(sums.files)
                               : measure == "total_size" ? static_cast<std::int64_t>(sums.bytes)
                                                         : sums.latest_mtime_ns;
    if (best.view == nullptr || value > best.value) best = {member, value};
  }
  return best;
}

void WriteBest(const BestMember& best, std::string_view measure, std::string* out) {
  JsonWriter json(out);
  if (best.view == nullptr) {
    json.Null();
    return;
  }
  json.BeginObject().Key("member").String(best.view->id()).Key("by").String(measure).Key("value");
  if (measure == "latest_mtime") {
    WriteSeconds(WallTime{best.value}, &json);
  } else {
    json.Int(best.value);
  }
  json.EndObject();
}

env::Task<void> AnswerForest(const ViewDoor& door, Answer answer, std::string forest,
                             std::vector<std::shared_ptr<View>> members, http::Request& request,
                             http::ResponseWriter& writer) {
  const auto access = co_await CheckKey(door, request, writer);
  if (!access) co_return;
  if (!Opens(*access, forest)) {
    (void)co_await http::SendDetail(writer, 403,
                                    "This API key does not open view '" + forest + "'");
    co_return;
  }
  const std::optional<std::string> best =
      request.Query("best") ? std::optional(std::string(*request.Query("best"))) : std::nullopt;
  if (best && std::ranges::find(kMeasures, *best) == kMeasures.end()) {
    co_await AnswerBadParameter(writer, {"best", "must be file_count, total_size or latest_mtime"});
    co_return;
  }
  std::erase_if(request.query, [](const auto& item) { return item.first == "best"; });

  std::string head = "{\"view_id\":\"";
  AppendJsonEscaped(&head, forest);
  head += '"';
  if (best) {
    const Result<std::string> path = NormalizeViewPath(request.Query("path").value_or("/"));
    const BestMember found = path.ok() ? BestOf(members, *best, *path) : BestMember();
    head += ",\"best\":";
    WriteBest(found, *best, &head);
    // A whole tree is wanted of the best one only.
    if (answer == &AnswerTree) std::erase_if(members, [&](auto& m) { return m != found.view; });
  }
  head += ",\"members\":{";
  if (!(co_await writer.Start(200, http::JsonHeaders())).ok()) co_return;
  for (const std::shared_ptr<View>& member : members) {
    head += '"';
    AppendJsonEscaped(&head, member->id());
    head += "\":";
    request.path_parameters = {{"view", member->id()}};
    MemberWriter part(writer, std::exchange(head, ","));
    co_await answer(door, request, part);
    if (!part.whole()) co_return;  // Half an answer: the connection ends without a proper end.
  }
  if (members.empty()) (void)co_await writer.Write(std::move(head));
  (void)co_await writer.Write("}}");
  (void)co_await writer.End();
}

}  // namespace

env::Task<void> AnswerMembers(const ViewDoor& door, Answer answer, http::Request& request,
                              http::ResponseWriter& writer) {
  std::string id(request.PathParameter("view"));
  if (door.views.Find(id) != nullptr) return answer(door, request, writer);
  auto members = door.views.Members(id);
  if (!members) return answer(door, request, writer);
  return AnswerForest(door, answer, std::move(id), *std::move(members), request, writer);
}

}  // namespace fustor::fusion
