// `fustor du`.
#include <algorithm>

#include "base/path.h"
#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

// The sums of an entry: of a directory those of everything below it.
Totals TotalsOf(const Node& node) {
  if (node.totals) return *node.totals;
  const auto positive = [](std::int64_t n) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, n));
  };
  const bool directory = node.attrs.is_directory();
  return {.files = directory ? 0u : 1u,
          .directories = directory ? 1u : 0u,
          .bytes = positive(node.attrs.size_bytes),
          .allocated_bytes = positive(node.attrs.allocated_bytes),
          .latest_mtime_ns = node.attrs.mtime_ns};
}

class DuRun {
 public:
  DuRun(Job& job, const DuOptions& options) : job_(job), options_(options) {}

  void Run() {
    ForEachPath(job_, options_.paths, [this](const std::string& path) { return SumUp(path); });
  }

 private:
  Status SumUp(const std::string& typed) {
    FUSTOR_TRY_ASSIGN(const Place place, job_.lookup.Locate(typed, Lookup::Links::kKeep));
    FUSTOR_TRY_ASSIGN(const Node node, job_.lookup.Get(place, true));
    const std::optional<std::uint64_t> depth_max =
        options_.summarize ? std::optional<std::uint64_t>(0) : options_.depth_max;
    Status status;
    if (node.attrs.is_directory() && depth_max != 0u) {
      status = SumUpBelow(place, typed, depth_max);
    }
    Print(place, typed, node);
    return status;
  }

  // A directory is printed after everything in it, as du does.
  Status SumUpBelow(const Place& place, const std::string& typed,
                    std::optional<std::uint64_t> depth_max) {
    Question question;
    question.view = place.view;
    question.under = place.path;
    if (!options_.all) question.narrowing.type = "directory";
    question.depth_max = depth_max;
    question.totals = true;
    std::vector<Node> open;
    const auto close = [&] {
      Print(place, typed, open.back());
      open.pop_back();
    };
    const auto visit = [&](const Page::Item& item) {
      if (item.node.path == place.path) return true;
      while (!open.empty() && !IsWithin(item.node.path, open.back().path)) close();
      open.push_back(item.node);
      return job_.out.open();
    };
    Status status = job_.lookup.ForEachMatch(question, visit);
    while (!open.empty()) close();
    return status;
  }

  void Print(const Place& place, const std::string& typed, const Node& node) {
    const Totals totals = TotalsOf(node);
    std::string line;
    if (job_.common.json) {
      AddJson(place, node, totals, &line);
    } else {
      const bool apparent = options_.apparent || options_.bytes;
      const std::uint64_t bytes = apparent ? totals.bytes : totals.allocated_bytes;
      line = options_.human   ? HumanSize(bytes)
             : options_.bytes ? std::to_string(bytes)
                              : std::to_string(bytes / 1024 + (bytes % 1024 != 0 ? 1 : 0));
      line += '\t' + job_.out.Shown(PathAsTyped(place, typed, node.path));
      line += options_.zero ? '\0' : '\n';
    }
    job_.out.Add(line);
  }

  void AddJson(const Place& place, const Node& node, const Totals& totals, std::string* out) {
    json::Value::Object object;
    const auto add = [&object](const char* key, std::uint64_t n) {
      object.emplace_back(key, json::Value(n));
    };
    add("file_count", totals.files);
    add("dir_count", totals.directories);
    add("total_size", totals.bytes);
    add("allocated_size", totals.allocated_bytes);
    object.emplace_back("latest_mtime_ns", json::Value(totals.latest_mtime_ns));
    AppendEntryJson(place, node, json::Value(std::move(object)), out);
  }

  Job& job_;
  const DuOptions& options_;
};

}  // namespace

void ShowUsage(Job& job, const DuOptions& options) { DuRun(job, options).Run(); }

}  // namespace fustor::client
