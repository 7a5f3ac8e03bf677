// `fustor diff`.
#include <algorithm>

#include "base/base64.h"
#include "base/path.h"
#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

// A longer line is not of Fusion.
constexpr std::size_t kLineBytesMax = 1 << 20;
constexpr std::size_t kSizeColumns = 12;

std::string Padded(const std::string& text, std::size_t columns) {
  return std::string(columns - std::min(columns, text.size()), ' ') + text;
}

class DiffRun {
 public:
  DiffRun(Job& job, const DiffOptions& options, Place place)
      : job_(job), options_(options), place_(std::move(place)) {}

  // False: that is enough.
  bool Take(std::string_view piece) {
    rest_ += piece;
    std::size_t from = 0;
    for (std::size_t end; (end = rest_.find('\n', from)) != std::string::npos; from = end + 1) {
      status_ = TakeLine(std::string_view(rest_).substr(from, end - from));
      if (!status_.ok() || !job_.out.open()) return false;
    }
    rest_.erase(0, from);
    if (rest_.size() > kLineBytesMax) {
      status_ = NotOfFusion(Status(Code::kInvalidArgument, "a line without end"));
    }
    return status_.ok();
  }

  Status End() const {
    if (!status_.ok() || ended_ || !job_.out.open()) return status_;
    return NotOfFusion(Status(Code::kInvalidArgument, "the sums are missing"));
  }

 private:
  Status TakeLine(std::string_view line) {
    if (job_.common.json && !options_.summarize) job_.out.Add(std::string(line) + "\n");
    Result<json::Value> value = job_.ports.host.ParseJson(line);
    if (!value.ok()) return NotOfFusion(value.status());
    if (const json::Value* summary = value->Find("summary")) {
      ended_ = true;
      if (job_.common.json && options_.summarize) job_.out.Add(std::string(line) + "\n");
      if (!job_.common.json && (options_.summarize || job_.out.interactive())) Sum(*summary);
      return {};
    }
    if (!job_.common.json && !options_.summarize) return Show(*value);
    return {};
  }

  Status Show(const json::Value& line) {
    const Result<std::string_view> change = line.GetString("change");
    const Result<std::string_view> path = line.GetString("path");
    if (!change.ok()) return NotOfFusion(change.status());
    if (!path.ok()) return NotOfFusion(path.status());
    const json::Value* before = line.Find("before");
    const json::Value* after = line.Find("after");
    const json::Value* one = after == nullptr || after->is_null() ? before : after;
    const bool directory =
        one != nullptr && one->GetStringOr("type", "").value_or("") == "directory";
    std::string text = HarmlessText(*change);
    text.resize(std::max<std::size_t>(text.size(), 8), ' ');
    text += Padded(Size(before), kSizeColumns) + Padded(Size(after), kSizeColumns) + "  ";
    text += What(line) + "  ";
    text += job_.out.Shown(PathAsTyped(place_, options_.path, *path)) + (directory ? "/\n" : "\n");
    job_.out.Add(text);
    return {};
  }

  // Of a directory that stands for all below it their bytes.
  std::string Size(const json::Value* side) const {
    if (side == nullptr || side->is_null()) return "-";
    const bool sums = side->Find("total_size") != nullptr;
    return Bytes(UintOf(side, sums ? "total_size" : "size"));
  }
  std::string Bytes(std::uint64_t bytes) const {
    return options_.human ? HumanSize(bytes) : std::to_string(bytes);
  }
  static std::string What(const json::Value& line) {
    std::string text;
    if (const json::Value* what = line.Find("what")) {
      for (const json::Value& aspect : what->items()) {
        if (!text.empty()) text += ',';
        text += HarmlessText(aspect.AsString().value_or("?"));
      }
    }
    return text.empty() ? "-" : text;
  }

  void Sum(const json::Value& summary) {
    for (const char* kind : {"added", "removed"}) {
      const json::Value* sums = summary.Find(kind);
      job_.out.Add(std::string(kind) + ": " + Grouped(UintOf(sums, "file_count")) + " files, " +
                   Grouped(UintOf(sums, "dir_count")) + " directories, " +
                   Bytes(UintOf(sums, "total_size")) + " bytes\n");
    }
    const json::Value* changed = summary.Find("changed");
    job_.out.Add("changed: " + Grouped(UintOf(changed, "count")) + " entries, " +
                 Bytes(UintOf(changed, "size_before")) + " bytes before, " +
                 Bytes(UintOf(changed, "size_after")) + " after\n");
  }

  Job& job_;
  const DiffOptions& options_;
  const Place place_;
  std::string rest_;
  Status status_;
  bool ended_ = false;
};

// A time as people say it onto the query.
Status AddTime(Job& job, const char* option, const std::optional<std::string>& text,
               const char* parameter, Fusion::Query* query) {
  if (!text) return {};
  const Host& host = job.ports.host;
  const Result<WallTime> time = ParseWhen(*text, host.Now(), host);
  if (!time.ok()) {
    return Status(Code::kInvalidArgument,
                  std::string(option) +
                      " takes an age (12h, 30d, 2w, 1y) or a date (2026-11-21, "
                      "yesterday), not " +
                      QuotedName(*text));
  }
  query->emplace_back(parameter, std::to_string(time->ns));
  return {};
}

Status Compare(Job& job, const DiffOptions& options) {
  if (options.with.has_value() == options.from.has_value()) {
    return Status(Code::kInvalidArgument,
                  "say with --with VIEW or with --from WHEN what to compare with");
  }
  FUSTOR_TRY_ASSIGN(const Place place, job.lookup.Locate(options.path, Lookup::Links::kFollow));
  Fusion::Query query = {{"path", place.path}};
  if (options.with) query.emplace_back("with", *options.with);
  FUSTOR_TRY(AddTime(job, "--from", options.from, "from_ns", &query));
  FUSTOR_TRY(AddTime(job, "--to", options.to, "to_ns", &query));
  if (options.aspects) query.emplace_back("aspects", *options.aspects);
  if (options.expand) query.emplace_back("expand", "true");
  DiffRun run(job, options, place);
  Status status = job.lookup.Download("/api/v1/views/" + place.view + "/diff", query,
                                      [&run](std::string_view piece) { return run.Take(piece); });
  if (!status.ok() && status.code() != Code::kCancelled) return status;
  return run.End();
}

}  // namespace

void ShowDifferences(Job& job, const DiffOptions& options) { job.Fail(Compare(job, options)); }

}  // namespace fustor::client
