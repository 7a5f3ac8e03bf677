// `fustor top`.
#include <algorithm>
#include <queue>

#include "base/path.h"
#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

enum class Order { kSize, kFiles, kTime };

// An entry, and what it is measured by; of a directory with all below it.
struct Ranked {
  std::int64_t score = 0;
  Node node;
  json::Value document;

  // The first of equals by path.
  friend bool operator<(const Ranked& a, const Ranked& b) {
    return a.score != b.score ? a.score < b.score : a.node.path > b.node.path;
  }
};

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

// What a directory holds is never more than what the one around it holds. So the first n by rank
// are found by looking into the first n alone, however large the tree is.
class Directories {
 public:
  Directories(Job& job, const Place& place, Order order)
      : job_(job), place_(place), order_(order) {}

  Result<std::vector<Ranked>> First(std::uint64_t count) {
    std::vector<Ranked> first;
    FUSTOR_TRY(LookInto(place_.path));
    while (first.size() < count && !known_.empty()) {
      first.push_back(known_.top());
      known_.pop();
      if (first.size() < count) FUSTOR_TRY(LookInto(first.back().node.path));
    }
    return first;
  }

 private:
  Status LookInto(const std::string& path) {
    Question question;
    question.view = place_.view;
    question.under = path;
    question.narrowing.type = "directory";
    question.depth_max = 1;
    question.totals = true;
    return job_.lookup.ForEachMatch(question, [&](const Page::Item& item) {
      if (item.node.path != path) {
        known_.push({ScoreOf(order_, item.node), item.node, *item.json});
      }
      return true;
    });
  }

  Job& job_;
  const Place& place_;
  const Order order_;
  std::priority_queue<Ranked> known_;
};

// All files are asked for, but as soon as n are known only those that are more than the least of
// them.
class Files {
 public:
  Files(Job& job, const Place& place, Order order) : job_(job), place_(place), order_(order) {}

  Result<std::vector<Ranked>> First(std::uint64_t count) {
    Question question;
    question.view = place_.view;
    question.under = place_.path;
    question.directories = false;
    const auto visit = [&](const Page::Item& item) {
      if (item.node.path == place_.path) return true;
      Ranked ranked{ScoreOf(order_, item.node), item.node, {}};
      if (first_.size() == count && !(first_.front() < ranked)) return true;
      ranked.document = *item.json;
      if (first_.size() == count) {
        std::pop_heap(first_.begin(), first_.end(), IsMore);
        first_.pop_back();
      }
      first_.push_back(std::move(ranked));
      std::push_heap(first_.begin(), first_.end(), IsMore);
      return true;
    };
    const auto narrow = [&](Question* next) {
      if (first_.size() < count) return;
      // Paths come in order: of equals those that are known come first.
      const std::int64_t more = first_.front().score + 1;
      if (order_ == Order::kSize) next->narrowing.size_min_bytes = more;
      if (order_ == Order::kTime) next->narrowing.mtime_min_ns = more;
    };
    if (count > 0) FUSTOR_TRY(job_.lookup.ForEachMatch(question, visit, narrow));
    std::sort_heap(first_.begin(), first_.end(), IsMore);
    return std::move(first_);
  }

 private:
  static bool IsMore(const Ranked& a, const Ranked& b) { return b < a; }

  Job& job_;
  const Place& place_;
  const Order order_;
  std::vector<Ranked> first_;  // A heap, the least in front.
};

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
    std::vector<std::string> paths = options_.paths;
    if (paths.empty()) paths.push_back(".");
    for (const std::string& path : paths) {
      if (!job_.out.open()) return;
      job_.Fail(ShowBelow(path));
    }
    if (!table_.empty()) job_.out.Add(table_.Text());
  }

 private:
  Status ShowBelow(const std::string& typed) {
    FUSTOR_TRY_ASSIGN(const Place place, job_.lookup.Locate(typed, Lookup::Links::kFollow));
    FUSTOR_TRY_ASSIGN(const Node node,
                      job_.lookup.Get(place, false));  // Says when it is not there.
    const std::uint64_t count = options_.count.value_or(10);
    // The numbers of files are of directories alone.
    const bool both = !options_.directories && !options_.files;
    if (options_.directories || both) {
      FUSTOR_TRY_ASSIGN(const std::vector<Ranked> first,
                        Directories(job_, place, order_).First(count));
      for (const Ranked& ranked : first) Print(place, typed, ranked);
    }
    if (options_.files || (both && order_ != Order::kFiles)) {
      FUSTOR_TRY_ASSIGN(const std::vector<Ranked> first, Files(job_, place, order_).First(count));
      for (const Ranked& ranked : first) Print(place, typed, ranked);
    }
    return {};
  }

  void Print(const Place& place, const std::string& typed, const Ranked& ranked) {
    const Node& node = ranked.node;
    if (job_.common.json) {
      std::string line;
      AppendEntryJson(place, node, ranked.document, &line);
      return job_.out.Add(line);
    }
    const bool sums = node.totals.has_value();
    const auto size =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, ScoreOf(Order::kSize, node)));
    const std::int64_t time = ScoreOf(Order::kTime, node);
    std::string path = PathAsTyped(place, typed, node.path);
    if (job_.out.interactive()) {
      return table_.Add({HumanSize(size), sums ? Grouped(node.totals->files) : "",
                         TimeText(job_.ports.host, time),
                         job_.out.Painted(path, node.attrs) + (sums ? "/" : "")});
    }
    const std::string files = std::to_string(sums ? node.totals->files : 1);
    std::string line = options_.human ? HumanSize(size) : std::to_string(size);
    line += "\t" + files + "\t" + std::to_string(time / 1'000'000'000) + "\t" + (sums ? "d" : "f") +
            "\t" + path;
    job_.out.Add(line + (options_.zero ? '\0' : '\n'));
  }

  Job& job_;
  const TopOptions& options_;
  const Order order_;
  Table table_;
};

}  // namespace

void ShowTop(Job& job, const TopOptions& options) { TopRun(job, options).Run(); }

}  // namespace fustor::client
