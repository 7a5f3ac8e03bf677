// `fustor ls`.
#include "base/path.h"
#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

// Something to list, and how it was typed.
struct Target {
  std::string typed;
  Place place;
  Node node;
  json::Value document;
};

bool IsHidden(const Node& node) { return node.name().starts_with('.'); }

class List {
 public:
  List(Job& job, const LsOptions& options) : job_(job), options_(options) {}

  void Run() {
    const std::vector<std::string> paths = PathsOrHere(options_.paths);
    std::vector<Target> directories;
    for (const std::string& path : paths) {
      Result<Target> target = Find(path);
      if (!target.ok()) {
        job_.Fail(target.status());
      } else if (target->node.attrs.is_directory() && !options_.directory) {
        directories.push_back(*std::move(target));
      } else {
        Add(target->place, target->node, target->document, path);
      }
    }
    Print();
    for (const Target& directory : directories) {
      if (!job_.out.open()) return;
      if (paths.size() > 1 && !job_.common.json) {
        const std::string gap = printed_ ? "\n" : "";
        job_.out.Add(gap + job_.out.Shown(directory.typed) + ":\n");
      }
      printed_ = true;
      ListDirectory(directory);
    }
  }

 private:
  Result<Target> Find(const std::string& path) {
    Target target;
    target.typed = path;
    FUSTOR_TRY_ASSIGN(target.place, job_.lookup.Locate(path, Lookup::Links::kKeep));
    FUSTOR_TRY_ASSIGN(target.node, job_.lookup.Get(target.place, false, &target.document));
    // A link to a directory is gone through unless the link itself is what was asked for.
    const bool link = target.node.attrs.kind == EntryKind::kSymlink;
    if (!link || options_.detailed || options_.directory) return target;
    const Result<Place> place = job_.lookup.Locate(path, Lookup::Links::kFollow);
    if (!place.ok()) return target;
    Result<Node> node = job_.lookup.Get(*place, false);
    if (node.ok() && node->attrs.is_directory()) {
      target.place = *place;
      target.node = *std::move(node);
    }
    return target;
  }

  void ListDirectory(const Target& directory) {
    const auto visit = [&](const Page& page) {
      for (const Page::Item& item : page.items) {
        if (!options_.all && IsHidden(item.node)) continue;
        Add(directory.place, item.node, *item.json, std::string(item.node.name()));
      }
      Print();
      return job_.out.open();
    };
    job_.Fail(job_.lookup.ForEachPageOfChildren(directory.place, visit));
  }

  void Add(const Place& place, const Node& node, const json::Value& document,
           const std::string& name) {
    if (job_.common.json) {
      std::string line;
      AppendEntryJson(place, node, document, &line);
      job_.out.Add(line);
    } else if (options_.detailed) {
      AddRow(node, name);
    } else if (job_.out.interactive()) {
      names_.emplace_back(job_.out.Shown(name), job_.out.Painted(name, node.attrs));
    } else {
      job_.out.Add(name + "\n");
    }
  }

  void AddRow(const Node& node, const std::string& name) {
    const EntryAttrs& a = node.attrs;
    const std::uint64_t bytes = a.size_bytes < 0 ? 0 : static_cast<std::uint64_t>(a.size_bytes);
    std::string shown = job_.out.Painted(name, a);
    if (a.kind == EntryKind::kSymlink) shown += " -> " + job_.out.Shown(node.target);
    if (node.suspect || node.uncertain) shown += " ?";
    table_.Add({ModeText(a.mode), std::to_string(a.nlink), Name(users_, a.uid, true),
                Name(groups_, a.gid, false),
                options_.human ? HumanSize(bytes) : std::to_string(bytes),
                TimeText(job_.ports.host, a.mtime_ns), shown});
  }

  using Names = std::vector<std::pair<std::uint32_t, std::string>>;
  // A directory has few owners.
  const std::string& Name(Names& known, std::uint32_t id, bool user) {
    for (const auto& [number, name] : known) {
      if (number == id) return name;
    }
    const Host& host = job_.ports.host;
    if (known.size() > 100) known.clear();
    return known.emplace_back(id, HarmlessText(user ? host.UserName(id) : host.GroupName(id)))
        .second;
  }

  // What was added since the last time, aligned.
  void Print() {
    if (!names_.empty()) job_.out.Add(Columns(names_, job_.out.columns()));
    if (!table_.empty()) job_.out.Add(table_.Text());
    printed_ = printed_ || !names_.empty() || !table_.empty();
    names_.clear();
    table_ = NewTable();
  }

  static Table NewTable() {
    return Table(
        {{"", false}, {"", true}, {"", false}, {"", false}, {"", true}, {"", false}, {""}});
  }

  Job& job_;
  const LsOptions& options_;
  Table table_ = NewTable();
  std::vector<std::pair<std::string, std::string>> names_;
  Names users_, groups_;
  bool printed_ = false;
};

}  // namespace

void ShowList(Job& job, const LsOptions& options) { List(job, options).Run(); }

}  // namespace fustor::client
