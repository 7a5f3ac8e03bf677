// `fustor duplicates`.
#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

class DuplicatesRun {
 public:
  DuplicatesRun(Job& job, const DuplicatesOptions& options) : job_(job), options_(options) {}

  void Run() {
    std::optional<ChoiceParameters> choice = ChoiceOf(job_, "duplicates", options_.choice);
    if (!choice) return;
    choice_ = *std::move(choice);
    ForEachPath(job_, options_.paths, [this](const std::string& path) { return ShowBelow(path); });
  }

 private:
  Status ShowBelow(const std::string& typed) {
    FUSTOR_TRY_ASSIGN(const Place place, LocateKnown(job_, typed));
    Fusion::Query query = choice_;
    query.emplace_back("under", place.path);
    query.emplace_back("by", options_.by);
    if (options_.count) query.emplace_back("limit", std::to_string(*options_.count));
    if (options_.files) query.emplace_back("files", std::to_string(*options_.files));
    FUSTOR_TRY_ASSIGN(const json::Value answer,
                      job_.lookup.Ask("/api/v1/views/" + place.view + "/duplicates", query));
    const json::Value* groups = answer.Find("groups");
    if (groups == nullptr) {
      return NotOfFusion(Status(Code::kInvalidArgument, "'groups' is missing"));
    }
    for (const json::Value& group : groups->items()) {
      FUSTOR_TRY(job_.common.json ? PrintJson(place, group) : Print(place, typed, group));
    }
    SayWhatIsLeftOut(answer, groups->items().size());
    return {};
  }

  // Calls visit(node, item) for each file of a group.
  template <class Visit>
  static Status ForEachFile(const json::Value& group, const Visit& visit) {
    const json::Value* files = group.Find("files");
    if (files == nullptr) return NotOfFusion(Status(Code::kInvalidArgument, "'files' is missing"));
    for (const json::Value& file : files->items()) {
      const Result<Node> node = DecodeNode(file);
      if (!node.ok()) return NotOfFusion(node.status());
      visit(*node, file);
    }
    return {};
  }

  Status PrintJson(const Place& place, const json::Value& group) {
    std::string line;
    JsonWriter json(&line);
    json.BeginObject();
    for (const auto& [key, value] : group.members()) {
      if (key == "files") continue;
      json.Key(key);
      value.Write(&json);
    }
    json.Key("files").BeginArray();
    FUSTOR_TRY(ForEachFile(group, [&](const Node& node, const json::Value& file) {
      std::string entry;
      AppendEntryJson(place, node, file, &entry);
      entry.pop_back();  // Its line feed.
      json.Raw(entry);
    }));
    json.EndArray().EndObject();
    job_.out.Add(line + "\n");
    return {};
  }

  Status Print(const Place& place, const std::string& typed, const json::Value& group) {
    const std::string end(1, options_.zero ? '\0' : '\n');
    const bool people = job_.out.interactive() && !options_.zero;
    if (people) {
      job_.out.Add(HumanSize(UintOf(&group, "size")) + " each, " +
                   HumanSize(UintOf(&group, "reclaimable_size")) + " to gain:\n");
    }
    FUSTOR_TRY(ForEachFile(group, [&](const Node& node, const json::Value&) {
      const std::string path = PathAsTyped(place, typed, node.path);
      job_.out.Add((people ? job_.out.Painted(path, node.attrs) : path) + end);
    }));
    const std::uint64_t more = UintOf(&group, "more_files");
    if (people && more > 0) job_.out.Add("... and " + Grouped(more) + " more\n");
    job_.out.Add(end);
    return {};
  }

  void SayWhatIsLeftOut(const json::Value& answer, std::size_t shown) {
    const std::uint64_t count = UintOf(&answer, "group_count");
    if (count > shown) {
      job_.out.Complain("there are " + Grouped(count) + " groups with " +
                        HumanSize(UintOf(&answer, "reclaimable_size")) +
                        " to gain; -n shows more of them");
    }
    const json::Value* truncated = answer.Find("truncated");
    if (truncated != nullptr && truncated->AsBool().value_or(false)) {
      job_.out.Complain("there were more groups than can be told apart: ask with --min-size");
    }
  }

  Job& job_;
  const DuplicatesOptions& options_;
  ChoiceParameters choice_;
};

}  // namespace

void ShowDuplicates(Job& job, const DuplicatesOptions& options) {
  DuplicatesRun(job, options).Run();
}

}  // namespace fustor::client
