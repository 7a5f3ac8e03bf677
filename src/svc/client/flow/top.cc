// `fustor top`.
#include <algorithm>

#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

enum class Order { kSize, kFiles, kTime };

std::int64_t ScoreOf(Order order, const Node& node) {
  const bool sums = node.totals.has_value();
  switch (order) {
    case Order::kSize:
      return sums ? static_cast<std::int64_t>(node.totals->bytes) : node.attrs.size_bytes;
    case Order::kFiles:
      return sums ? static_cast<std::int64_t>(node.totals->files) : 1;
    case Order::kTime:
      return sums ? node.totals->latest_mtime_ns : node.attrs.mtime_ns;
  }
  return 0;
}

class TopRun {
 public:
  TopRun(Job& job, const TopOptions& options)
      : job_(job),
        options_(options),
        order_(options.by == "files"   ? Order::kFiles
               : options.by == "mtime" ? Order::kTime
                                       : Order::kSize),
        table_({{"SIZE", true}, {"FILES", true}, {"CHANGED"}, {"PATH"}}) {}

  void Run() {
    if (order_ == Order::kFiles && options_.files) {
      job_.out.Complain(
          "top: --by files ranks directories: leave out -f\nTry 'fustor top --help'.");
      job_.exit_code = cli::kExitUsage;
      return;
    }
    std::optional<ChoiceParameters> choice = ChoiceOf(job_, "top", options_.choice);
    if (!choice) return;
    choice_ = *std::move(choice);
    ForEachPath(job_, options_.paths, [this](const std::string& path) { return ShowBelow(path); });
    if (!table_.empty()) job_.out.Add(table_.Text());
  }

 private:
  Status ShowBelow(const std::string& typed) {
    FUSTOR_TRY_ASSIGN(const Place place, LocateKnown(job_, typed));
    // The numbers of files are of directories alone.
    const bool both = !options_.directories && !options_.files;
    if (options_.directories || both) FUSTOR_TRY(ShowFirst(place, typed, "directories"));
    if (options_.files || (both && order_ != Order::kFiles && !options_.own)) {
      FUSTOR_TRY(ShowFirst(place, typed, "files"));
    }
    return {};
  }

  Status ShowFirst(const Place& place, const std::string& typed, const std::string& of) {
    Fusion::Query query = choice_;
    query.emplace_back("under", place.path);
    query.emplace_back("of", of);
    query.emplace_back("by", order_ == Order::kFiles ? "count" : options_.by);
    if (of == "directories" && options_.own) query.emplace_back("own", "true");
    const std::uint64_t count = options_.count.value_or(10);
    if (count == 0) return {};
    query.emplace_back("limit", std::to_string(count));
    FUSTOR_TRY_ASSIGN(const json::Value answer,
                      job_.lookup.Ask("/api/v1/views/" + place.view + "/top", query));
    const json::Value* items = answer.Find("items");
    if (items == nullptr) return NotOfFusion(Status(Code::kInvalidArgument, "'items' is missing"));
    for (const json::Value& item : items->items()) {
      const Result<Node> node = DecodeNode(item);
      if (!node.ok()) return NotOfFusion(node.status());
      Print(place, typed, *node, item);
    }
    return {};
  }

  // What is shown of one measure: its own, if it is ranked by that.
  std::int64_t Shown(Order order, const Node& node, const json::Value& item) const {
    const json::Value* own = options_.own && order == order_ ? item.Find("value") : nullptr;
    return own == nullptr ? ScoreOf(order, node) : own->AsInt().value_or(0);
  }

  void Print(const Place& place, const std::string& typed, const Node& node,
             const json::Value& item) {
    if (job_.common.json) {
      std::string line;
      AppendEntryJson(place, node, item, &line);
      return job_.out.Add(line);
    }
    const bool sums = node.totals.has_value();
    const auto size =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, Shown(Order::kSize, node, item)));
    const auto count =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, Shown(Order::kFiles, node, item)));
    const std::int64_t time = Shown(Order::kTime, node, item);
    std::string path = PathAsTyped(place, typed, node.path);
    if (job_.out.interactive()) {
      return table_.Add({HumanSize(size), sums ? Grouped(count) : "",
                         TimeText(job_.ports.host, time),
                         job_.out.Painted(path, node.attrs) + (sums ? "/" : "")});
    }
    std::string line = options_.human ? HumanSize(size) : std::to_string(size);
    line += "\t" + std::to_string(count) + "\t" + std::to_string(time / 1'000'000'000) + "\t" +
            (sums ? "d" : "f") + "\t" + path;
    job_.out.Add(line + (options_.zero ? '\0' : '\n'));
  }

  Job& job_;
  const TopOptions& options_;
  ChoiceParameters choice_;
  const Order order_;
  Table table_;
};

}  // namespace

void ShowTop(Job& job, const TopOptions& options) { TopRun(job, options).Run(); }

}  // namespace fustor::client
