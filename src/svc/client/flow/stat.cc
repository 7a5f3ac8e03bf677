// `fustor stat`.
#include <algorithm>

#include "base/path.h"
#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

std::string KindText(std::uint32_t mode, EntryKind kind) {
  switch (kind) {
    case EntryKind::kFile:
      return "file";
    case EntryKind::kDirectory:
      return "directory";
    case EntryKind::kSymlink:
      return "symbolic link";
    case EntryKind::kOther:
      break;
  }
  switch (ModeText(mode)[0]) {
    case 'p':
      return "FIFO";
    case 's':
      return "socket";
    case 'b':
      return "block device";
    case 'c':
      return "character device";
    default:
      return "something else";
  }
}

std::string Several(std::uint64_t n, const std::string& one, const std::string& many) {
  return Grouped(n) + " " + (n == 1 ? one : many);
}

std::string SizeText(std::uint64_t bytes, std::uint64_t allocated) {
  return Several(bytes, "byte", "bytes") + " (" + HumanSize(bytes) + "), " + HumanSize(allocated) +
         " allocated";
}

std::string TrustText(const Node& node) {
  std::string text;
  const auto add = [&text](const char* words) {
    text += (text.empty() ? "" : "; ") + std::string(words);
  };
  if (node.suspect) add("still changing: size and times may be behind");
  if (node.uncertain) add("uncertain: changes were lost here, the next scan will tell");
  if (node.audit_only) add("not watched: changes show after the next audit");
  if (node.agent_missing) add("found by an audit, not yet seen by the watching agent");
  if (node.audit_skipped) add("the last audit found the directory unchanged");
  return text.empty() ? "as reported, nothing against it" : text;
}

class EntryText {
 public:
  EntryText(const Job& job, const Place& place, const Node& node)
      : job_(job), place_(place), node_(node) {}

  std::string Text() {
    const EntryAttrs& a = node_.attrs;
    const Host& host = job_.ports.host;
    const auto positive = [](std::int64_t n) {
      return static_cast<std::uint64_t>(std::max<std::int64_t>(0, n));
    };
    const std::string mode = ModeText(a.mode);
    Add("Path", job_.out.Shown(place_.RealPath(node_.path)));
    Add("Type", KindText(a.mode, a.kind));
    if (a.kind == EntryKind::kSymlink) Add("Points to", job_.out.Shown(node_.target));
    Add("Size", SizeText(positive(a.size_bytes), positive(a.allocated_bytes)));
    Add("Mode", mode);
    Add("Owner", HarmlessText(host.UserName(a.uid)) + " (" + std::to_string(a.uid) + "), group " +
                     HarmlessText(host.GroupName(a.gid)) + " (" + std::to_string(a.gid) + ")");
    Add("Links", std::to_string(a.nlink));
    Add("Inode", std::to_string(a.inode));
    Add("Modified", FullTimeText(host, a.mtime_ns, 9));
    // These two travel as JSON numbers, which hold no nanoseconds.
    Add("Changed", FullTimeText(host, a.ctime_ns, 6));
    Add("Accessed", FullTimeText(host, a.atime_ns, 6));
    if (node_.totals) AddTotals(*node_.totals);
    if (node_.listed_ns) Add("Files seen", FullTimeText(host, *node_.listed_ns, 0));
    Add("View", HarmlessText(place_.view) + ", there " + job_.out.Shown(node_.path));
    if (!node_.agent_id.empty()) {
      Add("Reported by",
          HarmlessText(node_.agent_id) +
              (node_.source_uri.empty() ? "" : " from " + HarmlessText(node_.source_uri)));
    }
    Add("Trust", TrustText(node_));
    return table_.Text();
  }

 private:
  void AddTotals(const Totals& totals) {
    // The directory itself is no part of what is in it.
    const std::uint64_t directories = totals.directories - (totals.directories > 0 ? 1 : 0);
    Add("Contains", Several(totals.files, "file", "files") + ", " +
                        Several(directories, "directory", "directories"));
    Add("In total", SizeText(totals.bytes, totals.allocated_bytes));
    Add("Last change", FullTimeText(job_.ports.host, totals.latest_mtime_ns, 9));
  }
  void Add(const std::string& name, std::string value) {
    table_.Add({name + ":", std::move(value)});
  }

  const Job& job_;
  const Place& place_;
  const Node& node_;
  Table table_{{{""}, {""}}};
};

Status ShowEntry(Job& job, const std::string& path, bool* first) {
  FUSTOR_TRY_ASSIGN(const Place place, job.lookup.Locate(path, Lookup::Links::kKeep));
  json::Value document;
  FUSTOR_TRY_ASSIGN(const Node node, job.lookup.Get(place, true, &document));
  std::string text;
  if (job.common.json) {
    AppendEntryJson(place, node, document, &text);
  } else {
    text = (*first ? "" : "\n") + EntryText(job, place, node).Text();
  }
  *first = false;
  job.out.Add(text);
  return Status();
}

}  // namespace

void ShowEntries(Job& job, const StatOptions& options) {
  bool first = true;
  for (const std::string& path : options.paths) {
    if (!job.out.open()) return;
    job.Fail(ShowEntry(job, path, &first));
  }
}

}  // namespace fustor::client
