// `fustor groups`.
#include <algorithm>
#include <cmath>

#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

constexpr std::uint64_t kOnTerminal = 25;
constexpr double kBarColumns = 20;

class GroupsRun {
 public:
  GroupsRun(Job& job, const GroupsOptions& options) : job_(job), options_(options) {}

  void Run() {
    std::optional<ChoiceParameters> choice = ChoiceOf(job_, "groups", options_.choice);
    if (!choice) return;
    choice_ = *std::move(choice);
    ForEachPath(job_, options_.paths, [this](const std::string& path) { return ShowBelow(path); });
  }

 private:
  Result<json::Value> Ask(const Place& place) {
    Fusion::Query query = choice_;
    query.emplace_back("under", place.path);
    query.emplace_back("by", options_.by);
    query.emplace_back("age_of", options_.age_of);
    if (options_.sort) query.emplace_back("sort", *options_.sort);
    std::optional<std::uint64_t> count = options_.count;
    if (!count && job_.out.interactive() && !job_.common.json) count = kOnTerminal;
    if (count) query.emplace_back("limit", std::to_string(*count));
    return job_.lookup.Ask("/api/v1/views/" + place.view + "/groups", query);
  }

  Status ShowBelow(const std::string& typed) {
    FUSTOR_TRY_ASSIGN(const Place place, LocateKnown(job_, typed));
    FUSTOR_TRY_ASSIGN(const json::Value answer, Ask(place));
    const json::Value* groups = answer.Find("groups");
    const json::Value* other = answer.Find("other");
    const json::Value* total = answer.Find("total");
    if (groups == nullptr || other == nullptr || total == nullptr) {
      return NotOfFusion(Status(Code::kInvalidArgument, "'groups' is missing"));
    }
    if (job_.common.json) {
      PrintJson(place, *groups, *other);
    } else if (job_.out.interactive()) {
      PrintTable(*groups, *other, *total);
    } else {
      for (const json::Value& group : groups->items()) PrintLine(group, NamesOf(group, false));
      if (!other->is_null()) PrintLine(*other, {"other"});
    }
    return {};
  }

  // --- What a group is ---

  std::string TextOf(const std::string& dimension, const json::Value& value, bool people) const {
    const Host& host = job_.ports.host;
    if (value.is_string()) {
      std::string text(*value.AsString());
      if (!people) return text;
      return text.empty() ? "(none)" : HarmlessText(text);
    }
    const std::uint64_t n = value.AsUint().value_or(0);
    const auto id = static_cast<std::uint32_t>(n);
    if (people && dimension == "owner") return HarmlessText(host.UserName(id));
    if (people && dimension == "group") return HarmlessText(host.GroupName(id));
    // The largest class ends with the largest size there is.
    if (people && dimension == "size" && n > 1) {
      return HumanSize(n) + "-" + HumanSize(n > INT64_MAX / 2 ? INT64_MAX : 2 * n);
    }
    return std::to_string(n);
  }

  std::vector<std::string> NamesOf(const json::Value& group, bool people) const {
    std::vector<std::string> names;
    const json::Value* keys = group.Find("group");
    if (keys == nullptr) return names;
    for (const auto& [dimension, value] : keys->members()) {
      names.push_back(TextOf(dimension, value, people));
    }
    return names;
  }

  // --- Printing ---

  void PrintJson(const Place& place, const json::Value& groups, const json::Value& other) {
    const auto print = [&](const json::Value& group) {
      std::string line;
      JsonWriter json(&line);
      json.BeginObject();
      if (group.Find("group") == nullptr) json.Key("group").Null();
      for (const auto& [key, value] : group.members()) {
        json.Key(key);
        value.Write(&json);
      }
      json.Key("view").String(place.view).EndObject();
      job_.out.Add(line + "\n");
    };
    for (const json::Value& group : groups.items()) print(group);
    if (!other.is_null()) print(other);
  }

  std::string SizeText(std::uint64_t bytes) const {
    return options_.human ? HumanSize(bytes) : std::to_string(bytes);
  }

  void PrintLine(const json::Value& sums, const std::vector<std::string>& names) {
    std::string line = std::to_string(UintOf(&sums, "file_count")) + "\t" +
                       std::to_string(UintOf(&sums, "dir_count")) + "\t" +
                       SizeText(UintOf(&sums, "total_size")) + "\t" +
                       SizeText(UintOf(&sums, "allocated_size"));
    for (const std::string& name : names) line += "\t" + name;
    job_.out.Add(line + "\n");
  }

  // Of what the groups are sorted by, else of the bytes.
  std::string_view Measure() const {
    const std::string sort = options_.sort.value_or("");
    if (sort.ends_with("count")) return "file_count";
    return sort.ends_with("allocated") ? "allocated_size" : "total_size";
  }

  void PrintTable(const json::Value& groups, const json::Value& other, const json::Value& total) {
    std::vector<Table::Column> columns;
    for (std::size_t at = 0; at <= options_.by.size();) {
      const std::size_t end = std::min(options_.by.find(',', at), options_.by.size());
      columns.push_back({Upper(options_.by.substr(at, end - at))});
      at = end + 1;
    }
    const std::size_t dimensions = columns.size();
    columns.insert(columns.end(), {{"FILES", true}, {"SIZE", true}, {"SHARE", true}, {""}});
    Table table(std::move(columns));
    std::uint64_t most = 1;
    for (const json::Value& group : groups.items()) {
      most = std::max(most, UintOf(&group, Measure()));
    }
    const auto all = static_cast<double>(std::max<std::uint64_t>(1, UintOf(&total, Measure())));
    const auto add = [&](std::vector<std::string> cells, const json::Value& sums, bool with_bar) {
      cells.resize(dimensions);
      const auto value = static_cast<double>(UintOf(&sums, Measure()));
      const double part = with_bar ? std::min(1.0, value / static_cast<double>(most)) : 0;
      cells.push_back(Grouped(UintOf(&sums, "file_count") + UintOf(&sums, "dir_count")));
      cells.push_back(HumanSize(UintOf(&sums, "total_size")));
      cells.push_back(std::to_string(std::lround(100 * value / all)) + "%");
      cells.emplace_back(static_cast<std::size_t>(std::lround(part * kBarColumns)), '#');
      table.Add(std::move(cells));
    };
    for (const json::Value& group : groups.items()) add(NamesOf(group, true), group, true);
    if (!other.is_null()) add({"other"}, other, true);
    add({"all"}, total, false);
    job_.out.Add(table.Text());
  }

  static std::string Upper(std::string text) {
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return text;
  }

  Job& job_;
  const GroupsOptions& options_;
  ChoiceParameters choice_;
};

}  // namespace

void ShowGroups(Job& job, const GroupsOptions& options) { GroupsRun(job, options).Run(); }

}  // namespace fustor::client
