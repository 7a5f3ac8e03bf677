// `fustor find` and `fustor search`.
#include <algorithm>

#include "base/path.h"
#include "lib/tree/search.h"
#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

class FindRun final : public FindActions {
 public:
  FindRun(Job& job, const FindRequest& request) : job_(job), request_(request) {
    context_.now = job.ports.host.Now();
    context_.accounts = &job.ports.host;
    context_.clock = &job.ports.host;
    context_.on_terminal = job.out.interactive();
  }

  void Run() {
    const Status named = CheckNames();
    if (!named.ok()) return job_.Fail(named);
    for (const std::string& file : request_.references) {
      const Result<FileTimes> times = TimesOf(file);
      if (!times.ok()) return job_.Fail(times.status());
      context_.references.push_back(*times);
    }
    for (const std::string& path : request_.paths) {
      if (!more()) return;
      job_.Fail(FindIn(path));
    }
  }

  void Print(const Candidate& c) override {
    std::string line;
    if (request_.json) {
      AppendEntryJson(*place_, *c.node, *document_, &line);
    } else {
      line = job_.out.Shown(c.shown) + "\n";
    }
    Write(line);
  }
  void Write(std::string_view bytes) override {
    wrote_ = true;
    job_.out.Add(bytes);
  }
  void Prune() override { pruned_ = node_path_; }

 private:
  bool more() const {
    return job_.out.open() && !stopped_ && (!request_.limit || printed_ < *request_.limit);
  }

  Status CheckNames() const {
    const Host& host = job_.ports.host;
    const auto unknown = [](const char* what, const std::string& name) {
      return Status(Code::kNotFound, std::string("find: no ") + what + " is called " +
                                         QuotedName(name) +
                                         " on this machine; a number says it, too");
    };
    for (const std::string& name : request_.users) {
      if (!host.IsUser(name)) return unknown("user", name);
    }
    for (const std::string& name : request_.groups) {
      if (!host.IsGroup(name)) return unknown("group", name);
    }
    return {};
  }

  // As this machine has it, which may be outside of all views; else as a view has it.
  Result<FileTimes> TimesOf(const std::string& file) {
    Result<FileTimes> here = job_.ports.host.Times(file);
    if (here.ok()) return here;
    FUSTOR_TRY_ASSIGN(const Place place, job_.lookup.Locate(file, Lookup::Links::kKeep));
    FUSTOR_TRY_ASSIGN(const Node node, job_.lookup.Get(place, false));
    return FileTimes{node.attrs.mtime_ns, node.attrs.ctime_ns, node.attrs.atime_ns};
  }

  Status FindIn(const std::string& typed) {
    FUSTOR_TRY_ASSIGN(const Place place, job_.lookup.Locate(typed, Lookup::Links::kKeep));
    json::Value document;
    FUSTOR_TRY_ASSIGN(const Node start, job_.lookup.Get(place, request_.needs_totals, &document));
    place_ = &place;
    pruned_.clear();
    // The starting point goes by the name that was typed, which Fusion does not know.
    if (request_.depth_min == 0) Consider(typed, 0, start, document);
    if (!start.attrs.is_directory() || request_.depth_max == 0u) return {};

    Question question;
    question.view = place.view;
    question.under = place.path;
    question.narrowing = request_.narrowing;
    question.depth_max = request_.depth_max;
    question.totals = request_.needs_totals;
    question.names_only = !request_.needs_attributes && !request_.json;
    const std::size_t prefix = place.path == "/" ? 0 : place.path.size();
    const auto visit = [&](const Page::Item& item) {
      if (item.node.path == place.path) return true;
      const std::string_view below = std::string_view(item.node.path).substr(prefix);
      const auto depth = static_cast<std::uint64_t>(std::count(below.begin(), below.end(), '/'));
      if (depth >= request_.depth_min) Consider(typed, depth, item.node, *item.json);
      return more();
    };
    return more() ? job_.lookup.ForEachMatch(question, visit) : Status();
  }

  void Consider(const std::string& typed, std::uint64_t depth, const Node& node,
                const json::Value& document) {
    if (!more() || (!pruned_.empty() && IsWithin(node.path, pruned_))) return;
    const std::string shown = PathAsTyped(*place_, typed, node.path);
    node_path_ = node.path;
    document_ = &document;
    wrote_ = false;
    const Candidate candidate{&node, typed, shown, depth, &context_};
    stopped_ = request_.expression->Evaluate(candidate, *this) == Verdict::kStop;
    printed_ += wrote_ ? 1 : 0;
  }

  Job& job_;
  const FindRequest& request_;
  FindContext context_;
  std::uint64_t printed_ = 0;
  bool stopped_ = false;
  std::string pruned_;  // Nothing below it is of interest.
  // Of the entry that is looked at.
  const Place* place_ = nullptr;
  const json::Value* document_ = nullptr;
  std::string_view node_path_;
  bool wrote_ = false;
};

// The longest part of a text without a character that Fusion would read as a glob.
std::string LongestPlainPart(std::string_view text) {
  std::string_view best;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("*?["), text.size());
    if (end > best.size()) best = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::string(best);
}

class SearchRun {
 public:
  SearchRun(Job& job, const SearchOptions& options)
      : job_(job),
        options_(options),
        substring_(options.text),
        limit_(options.limit.value_or(1000)) {}

  void Run() {
    std::optional<ChoiceParameters> choice = ChoiceOf(job_, "search", options_.choice);
    if (!choice) return;
    parameters_ = *std::move(choice);
    if (options_.sort) parameters_.emplace_back("sort", *options_.sort);
    const Result<const std::vector<ViewState>*> views = job_.lookup.Views();
    if (options_.under) {
      job_.Fail(SearchUnder(*options_.under));
    } else if (!views.ok()) {
      job_.Fail(views.status());
    } else {
      for (const ViewState& view : **views) {
        if (!job_.out.open() || more_) break;
        job_.Fail(
            SearchIn(view.id, "/", [&](const Node& n) { return job_.lookup.PlaceOf(view, n); }));
      }
    }
    if (more_) {
      job_.out.Complain("there are more than " + Grouped(limit_) + "; --limit 0 shows all");
    }
  }

 private:
  Status SearchUnder(const std::string& under) {
    FUSTOR_TRY_ASSIGN(const Place place, LocateKnown(job_, under));
    return SearchIn(place.view, place.path, [&](const Node&) { return Place(place); });
  }

  Status SearchIn(const std::string& view, const std::string& under,
                  const std::function<Place(const Node&)>& place_of) {
    Question question;
    question.view = view;
    question.under = under;
    const bool narrow_only = options_.substring && tree::Glob::IsPattern(options_.text);
    question.narrowing.pattern = narrow_only ? LongestPlainPart(options_.text) : options_.text;
    question.directories = options_.everything;
    question.parameters = parameters_;
    const auto visit = [&](const Page::Item& item) {
      if (narrow_only && !substring_.Matches(item.node.name())) return true;
      more_ = limit_ != 0 && printed_ == limit_;
      if (more_) return false;
      ++printed_;
      Print(place_of(item.node), item);
      return job_.out.open();
    };
    return job_.lookup.ForEachMatch(question, visit);
  }

  void Print(const Place& place, const Page::Item& item) {
    std::string line;
    if (job_.common.json) {
      AppendEntryJson(place, item.node, *item.json, &line);
    } else if (options_.zero) {
      line = place.RealPath(item.node.path) + '\0';
    } else {
      line = job_.out.Shown(place.RealPath(item.node.path)) + "\n";
    }
    job_.out.Add(line);
  }

  Job& job_;
  const SearchOptions& options_;
  const tree::Substring substring_;
  const std::uint64_t limit_;
  ChoiceParameters parameters_;
  std::uint64_t printed_ = 0;
  bool more_ = false;
};

}  // namespace

void ShowFound(Job& job, const FindRequest& request) { FindRun(job, request).Run(); }

void ShowMatches(Job& job, const SearchOptions& options) { SearchRun(job, options).Run(); }

}  // namespace fustor::client
