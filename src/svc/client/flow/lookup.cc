#include "svc/client/flow/lookup.h"

#include <algorithm>

#include "base/path.h"

namespace fustor::client {
namespace {

constexpr std::string_view kViews = "/api/v1/views/";
constexpr std::uint64_t kFirstPageItems = 1000;  // So that "| head" is answered soon.
constexpr std::uint64_t kPageItems = 10'000;
constexpr Nanos kPause = Millis(500);
constexpr int kPausesPerNews = 20;

bool MayPass(const Status& status) {
  return status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded;
}

// The same sentence with other figures is the same.
std::string WithoutFigures(std::string_view text) {
  std::string out(text);
  std::erase_if(out, [](char c) { return (c >= '0' && c <= '9') || c == ','; });
  return out;
}

// Why a view is not ready, and how far it is when the reason does not say so itself.
Status NotReadyYet(std::string reason, std::uint64_t rows) {
  reason = HarmlessText(reason);
  if (rows > 0 && reason.find("so far") == std::string::npos) {
    reason += " (" + Grouped(rows) + " entries so far)";
  }
  return Status(Code::kUnavailable, reason);
}

std::vector<Root> RootsOf(const std::vector<ViewState>& views) {
  std::vector<Root> roots;
  for (const ViewState& view : views) {
    for (const std::string& uri : view.source_uris) {
      if (auto directory = DirectoryOfSource(uri)) roots.push_back({view.id, *directory});
    }
  }
  return roots;
}

// Leaves the view `id` alone. Errors: kNotFound (there is none; names those that are there).
Status KeepOnly(const std::string& id, std::vector<ViewState>* views) {
  std::string members;
  std::string all;
  for (const ViewState& view : *views) {
    const std::string name = " " + HarmlessText(view.id);
    if (view.id.starts_with(id + ":")) members += name;
    all += name;
  }
  std::erase_if(*views, [&](const ViewState& view) { return view.id != id; });
  if (!views->empty()) return Status();
  const std::string quoted = "'" + HarmlessText(id) + "'";
  if (!members.empty()) {
    return Status(Code::kNotFound,
                  quoted + " is a forest; --view takes one of its members:" + members);
  }
  return Status(Code::kNotFound,
                "the key opens no view " + quoted + (all.empty() ? "" : "; it opens:" + all));
}

Fusion::Query QueryOf(const Question& question) {
  const Narrowing& n = question.narrowing;
  Fusion::Query query = question.parameters;  // Of what is said twice the first counts.
  query.emplace_back("under", question.under);
  if (n.type || question.directories) query.emplace_back("type", n.type.value_or("any"));
  if (!n.pattern.empty()) query.emplace_back("pattern", n.pattern);
  const auto add = [&query](const char* name, const std::optional<std::int64_t>& value) {
    if (value) query.emplace_back(name, std::to_string(*value));
  };
  add("size_min", n.size_min_bytes);
  add("size_max", n.size_max_bytes);
  add("mtime_min_ns", n.mtime_min_ns);
  add("mtime_max_ns", n.mtime_max_ns);
  // Deeper than any path can be is the same as no limit.
  if (question.depth_max && *question.depth_max <= kPathBytesMax) {
    query.emplace_back("max_depth", std::to_string(*question.depth_max));
  }
  if (question.totals) query.emplace_back("totals", "true");
  if (question.names_only) query.emplace_back("only_path", "true");
  return query;
}

}  // namespace

Status NotOfFusion(const Status& status) {
  return Status(Code::kInternal,
                "the answer is not one of Fusion: " + HarmlessText(status.message()));
}

// --- Asking ---

std::string Lookup::StartOne() const {
  if (subject_.empty()) return "start one with: fustor up DIR";
  // Only directories can be watched.
  std::string directory = subject_;
  const bool file =
      ports_.host.RealPath(directory).ok() && !ports_.host.RealPath(directory + "/.").ok();
  if (file) directory = SplitPath(subject_).first;
  return "start one with: fustor up " + QuotedName(directory);
}

Status Lookup::Connect() {
  Result<Connection> found = FindConnection(options_, ports_.host);
  if (!found.ok()) {
    if (found.status().code() != Code::kNotFound) return found.status();
    const std::string subject = subject_.empty() ? "" : " for " + QuotedName(subject_);
    return Status(Code::kUnavailable, "no Fustor is running" + subject + ": " + StartOne());
  }
  connection_ = *std::move(found);
  Result<std::unique_ptr<Fusion>> fusion = ports_.connect(connection_.url, connection_.key);
  if (!fusion.ok()) {
    return Status(Code::kFailedPrecondition,
                  "'" + HarmlessText(connection_.url) +
                      "' is not an address to ask: " + HarmlessText(fusion.status().message()));
  }
  fusion_ = *std::move(fusion);
  return Status();
}

Result<Fusion::Reply> Lookup::AskOnce(const std::string& path, const Fusion::Query& query,
                                      bool post) {
  if (fusion_ == nullptr) FUSTOR_TRY(Connect());
  Result<Fusion::Reply> reply = post ? fusion_->Post(path, query) : fusion_->Get(path, query);
  if (reply.ok()) return reply;
  return NobodyAnswers(reply.status());
}

Status Lookup::NobodyAnswers(const Status& status) {
  fusion_.reset();  // Whoever starts again may listen elsewhere.
  std::string text = "no Fustor answers at " + HarmlessText(connection_.url);
  if (!connection_.file.empty()) text += " (from " + PrintablePath(connection_.file) + ")";
  text += ": " + HarmlessText(status.message());
  if (MayPass(status)) text += "; " + StartOne();
  return Status(status.code(), text);
}

Status Lookup::StatusOf(const Fusion::Reply& reply) const {
  if (reply.status >= 200 && reply.status < 300) return Status();
  std::string detail = HarmlessText(DetailOf(reply.body));
  const std::string who = HarmlessText(connection_.url);
  if (detail.empty()) detail = "HTTP status " + std::to_string(reply.status);
  switch (reply.status) {
    case 401:
      return Status(Code::kUnauthenticated, who + " does not accept the key (" + detail +
                                                "): give another one with --key or FUSTOR_KEY");
    case 403:
      return Status(Code::kPermissionDenied, detail);
    case 404:
      return Status(Code::kNotFound, detail);
    case 400:
    case 422:
      return Status(Code::kInvalidArgument, detail);
    case 429:
    case 503: {
      const json::Value* rows = reply.body.Find("snapshot_rows");
      return NotReadyYet(detail, rows == nullptr ? 0 : rows->AsUint().value_or(0));
    }
    default:
      return Status(Code::kInternal, who + " answered: " + detail);
  }
}

Result<json::Value> Lookup::Ask(const std::string& path, const Fusion::Query& query) {
  for (;;) {
    Result<Fusion::Reply> reply = AskOnce(path, query);
    const Status status = reply.ok() ? StatusOf(*reply) : reply.status();
    if (status.ok()) {
      NoteFreshness(reply->freshness);
      return std::move(reply->body);
    }
    if (!MayPass(status)) return status;
    if (!options_.wait) {
      return reply.ok() ? Status(status.code(), status.message() + "; --wait waits for it")
                        : status;
    }
    WaitFor(status);
  }
}

Status Lookup::Download(const std::string& path, const Fusion::Query& query,
                        const std::function<bool(std::string_view)>& on_piece) {
  for (;;) {
    if (fusion_ == nullptr) FUSTOR_TRY(Connect());
    const Result<Fusion::Reply> reply = fusion_->Download(path, query, on_piece);
    if (!reply.ok() && reply.status().code() == Code::kCancelled) return reply.status();
    if (!reply.ok() && reply.status().code() == Code::kDataLoss) {
      return Status(Code::kDataLoss,
                    "the answer broke off: " + HarmlessText(reply.status().message()));
    }
    const Status status = reply.ok() ? StatusOf(*reply) : NobodyAnswers(reply.status());
    if (status.ok()) NoteFreshness(reply->freshness);
    if (status.ok() || !MayPass(status)) return status;
    if (!options_.wait) {
      return reply.ok() ? Status(status.code(), status.message() + "; --wait waits for it")
                        : status;
    }
    WaitFor(status);
  }
}

Result<json::Value> Lookup::Post(const std::string& path, const Fusion::Query& query) {
  FUSTOR_TRY_ASSIGN(Fusion::Reply reply, AskOnce(path, query, true));
  FUSTOR_TRY(StatusOf(reply));
  return std::move(reply.body);
}

void Lookup::Follow(const std::vector<EventFollower*>& followers) {
  const Status connected = fusion_ == nullptr ? Connect() : Status();
  if (!connected.ok()) {
    for (EventFollower* follower : followers) (void)follower->OnEnd(connected);
    return;
  }
  fusion_->Follow(followers);
  fusion_.reset();  // Whoever starts again may listen elsewhere.
}

json::Value Lookup::AskHealth() {
  const Result<Fusion::Reply> reply = AskOnce("/health", {});
  const bool tells = reply.ok() && reply->body.Find("components") != nullptr;
  return tells ? reply->body : json::Value();
}

void Lookup::WaitFor(const Status& status) {
  const std::string reason = WithoutFigures(status.message());
  const bool progress = pauses_ >= kPausesPerNews && status.message() != said_;
  if (reason != WithoutFigures(said_) || progress) {
    out_.Complain("waiting: " + status.message());
    said_ = status.message();
    pauses_ = 0;
  }
  ++pauses_;
  ports_.host.Pause(kPause);
}

// "stale; since=TIME; reason=TEXT"
void Lookup::NoteFreshness(const std::string& freshness) {
  if (freshness.empty() || said_stale_) return;
  said_stale_ = true;
  constexpr std::string_view kSince = "; since=";
  constexpr std::string_view kReason = "; reason=";
  std::string text = "the answer is " + freshness.substr(0, freshness.find(';'));
  const std::size_t since = freshness.find(kSince);
  const std::size_t reason = freshness.find(kReason);
  if (since != std::string::npos) {
    const std::size_t from = since + kSince.size();
    text += " since " + freshness.substr(from, freshness.find(';', from) - from);
  }
  if (reason != std::string::npos) text += ": " + freshness.substr(reason + kReason.size());
  out_.Complain(HarmlessText(text));
}

Result<const std::vector<ViewState>*> Lookup::Views() {
  if (!views_) {
    FUSTOR_TRY_ASSIGN(const json::Value document, Ask(std::string(kViews), {}));
    Result<std::vector<ViewState>> views = DecodeViews(document);
    if (!views.ok()) return NotOfFusion(views.status());
    if (options_.view) FUSTOR_TRY(KeepOnly(*options_.view, &*views));
    views_ = *std::move(views);
  }
  return &*views_;
}

Status Lookup::NotReady(const ViewState& view) const {
  const std::string name = "View '" + view.id + "': ";
  const bool named = view.reason.starts_with("View '");
  return NotReadyYet(named ? view.reason : name + view.reason, view.snapshot_rows);
}

// --- Paths ---

// The path as the kernel and as the letters understand it: what is gone has no real path any more,
// and what is mounted on another host has none here.
std::vector<std::string> Lookup::Spellings(const std::string& typed, Links links) const {
  const Host& host = ports_.host;
  const std::string working_directory = host.WorkingDirectory();
  const std::string by_letters = AbsolutePath(typed, working_directory);
  std::string raw = typed.starts_with('/') ? typed : working_directory + "/" + typed;
  const bool slash = raw.ends_with('/');
  while (raw.size() > 1 && raw.ends_with('/')) raw.pop_back();
  const std::size_t at = raw.rfind('/');
  const std::string name = raw.substr(at + 1);

  std::vector<std::string> spellings;
  if (slash || links == Links::kFollow || name.empty() || name == "." || name == "..") {
    if (Result<std::string> real = host.RealPath(raw); real.ok()) spellings.push_back(*real);
  }
  if (name != "." && name != "..") {
    const Result<std::string> parent = host.RealPath(at == 0 ? "/" : raw.substr(0, at));
    if (parent.ok() && !name.empty()) spellings.push_back(JoinPath(*parent, name));
  }
  spellings.push_back(by_letters);
  return spellings;
}

Status Lookup::NoView(const std::vector<ViewState>& views) const {
  std::string shown;
  for (const Root& root : RootsOf(views)) {
    if (shown.size() > 200) {
      shown += ", ...";
      break;
    }
    shown += (shown.empty() ? " (" : ", ") + QuotedName(root.directory);
  }
  if (!shown.empty()) shown += " is watched)";
  return Status(Code::kNotFound,
                "no Fustor is running for " + QuotedName(subject_) + shown + ": " + StartOne());
}

Result<Place> Lookup::Locate(const std::string& typed, Links links) {
  subject_ = AbsolutePath(typed, ports_.host.WorkingDirectory());
  FUSTOR_TRY_ASSIGN(const std::vector<ViewState>* views, Views());
  std::vector<Root> roots = RootsOf(*views);
  const std::vector<std::string> spellings = Spellings(typed, links);
  // A root may be written with a link in it while the path was typed without.
  for (int pass = 0; pass < 2; ++pass) {
    for (const std::string& spelling : spellings) {
      if (std::optional<Place> place = FindPlace(roots, spelling)) return *std::move(place);
    }
    for (Root& root : roots) root.directory = ports_.host.RealPath(root.directory).value_or("");
    std::erase_if(roots, [](const Root& root) { return root.directory.empty(); });
  }
  return NoView(*views);
}

Place Lookup::PlaceOf(const ViewState& view, const Node& node) const {
  std::optional<std::string> root = DirectoryOfSource(node.source_uri);
  for (std::size_t i = 0; !root && i < view.source_uris.size(); ++i) {
    root = DirectoryOfSource(view.source_uris[i]);
  }
  return Place{view.id, root.value_or("/"), node.path};
}

// --- Entries ---

Result<Node> Lookup::Get(const Place& place, bool totals, json::Value* document) {
  Fusion::Query query = {{"path", place.path}, {"max_depth", "0"}};
  if (totals) query.emplace_back("totals", "true");
  Result<json::Value> answer = Ask(std::string(kViews) + place.view + "/tree", query);
  if (!answer.ok()) {
    if (answer.status().code() != Code::kNotFound) return answer.status();
    return Status(Code::kNotFound, QuotedName(place.RealPath(place.path)) +
                                       ": no such file or directory (in view '" +
                                       HarmlessText(place.view) + "')");
  }
  Result<Node> node = DecodeNode(*answer);
  if (!node.ok()) return NotOfFusion(node.status());
  if (document != nullptr) *document = *std::move(answer);
  return node;
}

Status Lookup::ForEachPage(const std::string& path, const MakeQuery& query,
                           const VisitPage& visit) {
  std::uint64_t items = kFirstPageItems;
  std::optional<std::string> cursor;
  do {
    Fusion::Query page_query = query();
    page_query.emplace_back("limit", std::to_string(items));
    if (cursor) page_query.emplace_back("cursor", *cursor);
    FUSTOR_TRY_ASSIGN(json::Value document, Ask(path, page_query));
    const Result<Page> page = DecodePage(std::move(document));
    if (!page.ok()) return NotOfFusion(page.status());
    if (!visit(*page)) return Status();
    if (page->next && page->next == cursor) {
      return NotOfFusion(Status(Code::kInternal, "the same page comes twice"));
    }
    cursor = page->next;
    items = kPageItems;
  } while (cursor);
  return Status();
}

Status Lookup::ForEachPageOfChildren(const Place& place, const VisitPage& visit) {
  const auto query = [&place] { return Fusion::Query{{"path", place.path}}; };
  return ForEachPage(std::string(kViews) + place.view + "/tree", query, visit);
}

Status Lookup::ForEachMatch(Question question, const Visit& visit, const Narrow& narrow) {
  bool first = true;
  const auto query = [&] {
    // A cursor is a place in the order of paths, whatever is asked from there on.
    if (!first && narrow) narrow(&question);
    first = false;
    return QueryOf(question);
  };
  const auto visit_page = [&visit](const Page& page) {
    return std::all_of(page.items.begin(), page.items.end(), visit);
  };
  return ForEachPage(std::string(kViews) + question.view + "/search", query, visit_page);
}

}  // namespace fustor::client
