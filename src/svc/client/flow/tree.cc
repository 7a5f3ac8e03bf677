// `fustor tree`.
#include <algorithm>
#include <deque>

#include "base/path.h"
#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

// Lines that wait until it is known whether their entry is the last one of its directory. When
// there are more, the oldest is drawn as if others followed.
constexpr std::size_t kWaitingMax = 1'000'000;

// Draws entries that come in path order, a directory before what is in it.
class Drawing {
 public:
  Drawing(Output& out, bool ascii) : out_(out), ascii_(ascii) {}

  // `depth` is 1 for what is in the directory that is drawn.
  void Add(std::size_t depth, std::string text) {
    SettleDeeperThan(depth);
    if (open_.size() == depth) Settle(State::kOthersFollow);
    open_.resize(depth - 1, kNone);
    open_.push_back(printed_ + waiting_.size());
    waiting_.push_back({depth, State::kUnknown, std::move(text)});
    if (waiting_.size() > kWaitingMax && waiting_.front().state == State::kUnknown) {
      waiting_.front().state = State::kOthersFollow;
    }
    Drain();
  }

  void Finish() {
    SettleDeeperThan(0);
    Drain();
  }

 private:
  enum class State { kUnknown, kOthersFollow, kLast };
  struct Line {
    std::size_t depth;
    State state;
    std::string text;
  };
  static constexpr std::size_t kNone = SIZE_MAX;

  void SettleDeeperThan(std::size_t depth) {
    while (open_.size() > depth) Settle(State::kLast);
  }

  void Settle(State state) {
    const std::size_t index = open_.back();
    open_.pop_back();
    if (index != kNone && index >= printed_) waiting_[index - printed_].state = state;
  }

  void Drain() {
    while (!waiting_.empty() && waiting_.front().state != State::kUnknown) {
      const Line& line = waiting_.front();
      last_.resize(line.depth, true);
      last_.back() = line.state == State::kLast;
      std::string text;
      for (std::size_t i = 0; i + 1 < last_.size(); ++i) {
        text += last_[i] ? "    " : ascii_ ? "|   " : "│   ";
      }
      text += last_.back() ? (ascii_ ? "`-- " : "└── ") : (ascii_ ? "|-- " : "├── ");
      out_.Add(text + line.text + "\n");
      waiting_.pop_front();
      ++printed_;
    }
  }

  Output& out_;
  const bool ascii_;
  std::deque<Line> waiting_;
  std::size_t printed_ = 0;        // How many lines were before the front of waiting_.
  std::vector<std::size_t> open_;  // By depth - 1: number of the line whose state is not known.
  std::vector<bool> last_;         // By depth - 1: of the line drawn last and what it is in.
};

class TreeRun {
 public:
  TreeRun(Job& job, const TreeOptions& options) : job_(job), options_(options) {}

  void Run() {
    ForEachPath(job_, options_.paths, [this](const std::string& path) { return DrawPath(path); });
    if (job_.common.json || !drawn_) return;
    std::string counts =
        Grouped(directories_) + (directories_ == 1 ? " directory" : " directories");
    if (!options_.directories_only)
      counts += ", " + Grouped(files_) + (files_ == 1 ? " file" : " files");
    job_.out.Add("\n" + counts + "\n");
  }

 private:
  Status DrawPath(const std::string& path) {
    FUSTOR_TRY_ASSIGN(const Place place, job_.lookup.Locate(path, Lookup::Links::kFollow));
    json::Value document;
    FUSTOR_TRY_ASSIGN(const Node node, job_.lookup.Get(place, options_.sizes, &document));
    drawn_ = true;
    if (job_.common.json) {
      AddJson(place, node, document);
    } else {
      job_.out.Add(Size(node) + job_.out.Painted(path, node.attrs) + "\n");
    }
    if (!node.attrs.is_directory()) {
      ++files_;
      return {};
    }
    if (options_.depth_max == 0u) return {};
    return DrawBelow(place);
  }

  Status DrawBelow(const Place& place) {
    Question question;
    question.view = place.view;
    question.under = place.path;
    if (options_.directories_only) question.narrowing.type = "directory";
    question.depth_max = options_.depth_max;
    question.totals = options_.sizes;
    Drawing drawing(job_.out, options_.ascii);
    const std::size_t prefix = place.path == "/" ? 0 : place.path.size();
    std::string hidden;  // Nothing below it is drawn.
    const auto visit = [&](const Page::Item& item) {
      const Node& node = item.node;
      if (node.path == place.path) return true;
      if (!options_.all) {
        if (!hidden.empty() && IsWithin(node.path, hidden)) return true;
        if (node.name().starts_with('.')) {
          hidden = node.path;
          return true;
        }
      }
      ++(node.attrs.is_directory() ? directories_ : files_);
      if (job_.common.json) {
        AddJson(place, node, *item.json);
      } else {
        const std::string_view below = std::string_view(node.path).substr(prefix);
        const auto depth = static_cast<std::size_t>(std::count(below.begin(), below.end(), '/'));
        drawing.Add(depth, Text(node));
      }
      return job_.out.open();
    };
    const Status status = job_.lookup.ForEachMatch(question, visit);
    drawing.Finish();
    return status;
  }

  std::string Text(const Node& node) const {
    std::string text = Size(node) + job_.out.Painted(node.name(), node.attrs);
    if (node.attrs.kind == EntryKind::kSymlink) text += " -> " + job_.out.Shown(node.target);
    return text;
  }

  std::string Size(const Node& node) const {
    if (!options_.sizes) return "";
    const std::int64_t own = std::max<std::int64_t>(0, node.attrs.allocated_bytes);
    std::string size =
        HumanSize(node.totals ? node.totals->allocated_bytes : static_cast<std::uint64_t>(own));
    size.insert(0, size.size() < 5 ? 5 - size.size() : 0, ' ');
    return "[" + size + "]  ";
  }

  void AddJson(const Place& place, const Node& node, const json::Value& document) {
    std::string line;
    AppendEntryJson(place, node, document, &line);
    job_.out.Add(line);
  }

  Job& job_;
  const TreeOptions& options_;
  std::uint64_t directories_ = 0, files_ = 0;
  bool drawn_ = false;
};

}  // namespace

void ShowTree(Job& job, const TreeOptions& options) { TreeRun(job, options).Run(); }

}  // namespace fustor::client
