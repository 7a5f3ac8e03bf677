#include "svc/fusion/wire/view_service.h"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <utility>

#include "base/path.h"
#include "env/client_gone.h"
#include "fustor/v1/views.pb.h"
#include "lib/batch/methods.h"
#include "lib/tree/search.h"
#include "svc/fusion/wire/change_events.h"
#include "svc/fusion/wire/predicates.h"
#include "svc/fusion/wire/routes.h"
#include "svc/fusion/wire/search_request.h"
#include "svc/fusion/wire/view_methods.h"

namespace fustor::fusion {
namespace {

namespace pb = fustor::v1;

template <class T>
Result<T> Parse(const std::string& bytes) {
  // A client must not be able to fill our stderr with texts that are not UTF-8.
  const google::protobuf::LogSilencer quiet;
  T message;
  if (!message.ParseFromString(bytes)) {
    return Status(Code::kInvalidArgument, "the request cannot be read");
  }
  return message;
}

Result<std::string> PathOf(const std::string& bytes, const char* field) {
  Result<std::string> path = NormalizeViewPath(bytes.empty() ? "/" : bytes);
  if (!path.ok()) {
    return Status(Code::kInvalidArgument, std::string(field) + " " + path.status().message());
  }
  return path;
}

void FillTotals(const tree::Aggregates& sums, pb::Totals* totals) {
  totals->set_files(sums.files);
  totals->set_directories(sums.directories);
  totals->set_size(sums.bytes);
  totals->set_allocated_size(sums.allocated_bytes);
  totals->set_latest_mtime_ns(sums.latest_mtime_ns);
}

void FillEntry(std::string_view path, const tree::Entry& from, const ViewStatus& status,
               pb::Entry* entry) {
  const EntryAttrs& a = from.attrs;
  entry->set_path(path.data(), path.size());
  entry->set_kind(static_cast<pb::EntryKind>(a.kind));
  entry->set_size(a.size_bytes);
  entry->set_allocated_size(a.allocated_bytes);
  entry->set_mtime_ns(a.mtime_ns);
  entry->set_ctime_ns(a.ctime_ns);
  entry->set_atime_ns(a.atime_ns);
  entry->set_mode(a.mode);
  entry->set_uid(a.uid);
  entry->set_gid(a.gid);
  entry->set_nlink(a.nlink);
  entry->set_inode(a.inode);
  entry->set_device(a.device);
  entry->set_symlink_target(from.target);
  entry->set_suspect((from.flags & tree::kSuspect) != 0);
  entry->set_audit_skipped((from.flags & tree::kAuditSkipped) != 0);
  entry->set_agent_missing((from.flags & tree::kKnownByAgent) == 0);
  const bool lost = std::ranges::any_of(status.uncertain, [&](const Arbiter::Uncertain& uncertain) {
    return IsWithin(path, uncertain.path);
  });
  entry->set_uncertain(lost || (from.flags & tree::kUncertain) != 0);
  entry->set_audit_only(std::ranges::any_of(
      status.audit_only, [&](const std::string& subtree) { return IsWithin(path, subtree); }));
  if (from.reporter >= status.reporters.size()) return;
  entry->set_agent_id(batch::Utf8Text(status.reporters[from.reporter].agent_id));
  entry->set_source_uri(batch::Utf8Text(status.reporters[from.reporter].source_uri));
}

void FillTrust(const ViewStatus& status, const env::Clock& clock, pb::Trust* trust) {
  trust->set_ready(status.ready);
  if (!status.ready) {
    trust->set_stale_reason(batch::Utf8Text(StaleReason(status)));
    trust->set_stale_since_ns(status.unready_since ? status.unready_since->ns : 0);
  }
  std::int64_t age_ns = -1;
  if (status.last_event_at) {
    age_ns = std::max<std::int64_t>(0, (clock.WallNow() - *status.last_event_at).count());
  }
  trust->set_evidence_age_ns(age_ns);
  age_ns = -1;
  if (status.files_seen_since) {
    age_ns = std::max<std::int64_t>(0, (clock.WallNow() - *status.files_seen_since).count());
  }
  trust->set_file_evidence_age_ns(age_ns);
  if (status.alarm) trust->set_alarm(batch::Utf8Text(AlarmText(*status.alarm)));
}

void FillView(const View& view, const env::Clock& clock, pb::View* out) {
  const std::shared_ptr<const ViewStatus> status = view.status();
  out->set_id(view.id());
  out->set_driver(view.driver());
  for (const std::string& uri : view.source_uris()) {
    out->add_source_uris(batch::Utf8Text(uri));
  }
  out->set_ready(status->ready);
  out->set_was_ready_once(status->was_ready_once);
  if (!status->ready) out->set_not_ready_reason(batch::Utf8Text(status->not_ready_reason));
  out->set_snapshot_rows(status->snapshot_rows);
  if (const Result<tree::Snapshot> snapshot = view.Pin(); snapshot.ok()) {
    out->set_revision(snapshot->revision());
    FillTotals(snapshot->AggregatesOf(tree::kRoot), out->mutable_totals());
  }
  out->set_suspects(status->suspect_count);
  out->set_blind_additions(status->blind_additions);
  out->set_blind_deletions(status->blind_deletions);
  out->set_refused_items(status->refused);
  out->set_memory_bytes(status->memory.bytes);
  out->set_auditing(status->is_auditing);
  FillTrust(*status, clock, out->mutable_trust());
}

Status NoSuchPath(std::string_view path, const View& view) {
  return Status(Code::kNotFound,
                "Path '" + PrintablePath(path) + "' not found in view '" + view.id() + "'");
}

// The one message of a stream's request.
template <class T>
env::Task<Result<T>> ReceiveOne(env::Stream& stream) {
  Result<std::optional<std::string>> message = co_await stream.Receive();
  if (!message.ok()) co_return message.status();
  if (!*message) co_return Status(Code::kInvalidArgument, "the call has no request");
  co_return Parse<T>(**message);
}

// Which key a call shows, and what it opens.
Result<ViewSet::Access> CheckCallKey(const ViewSet& views, const env::CallContext& context) {
  std::string_view key = context.Find(batch::kApiKeyMetadata);
  if (key.empty()) key = BearerKey(context.Find("authorization"));
  if (key.empty()) return Status(Code::kUnauthenticated, "API key required");
  ViewSet::Access access = views.Check(key);
  if (!access.known) return Status(Code::kUnauthenticated, "Invalid API key");
  return access;
}

// What is to be sent of a tree, entry by entry.
struct Walk {
  tree::SearchQuery query;
  bool with_root = false;  // The root matches, too.
  bool must_exist = false;
  bool totals = false;
  std::uint64_t limit = 0;  // 0: none.
  std::string after;
};

// Sends the entries of a walk. Lets go of the revision before each message, so that a slow client
// keeps no old one alive.
class EntryStream {
 public:
  EntryStream(const View& view, Walk walk, const ViewService::Options& options,
              const env::Clock& clock, env::Stream& stream)
      : view_(view),
        walk_(std::move(walk)),
        options_(options),
        clock_(clock),
        stream_(stream),
        slices_(clock, options.slice),
        left_(walk_.limit == 0 ? UINT64_MAX : walk_.limit) {
    if (walk_.after == "/") walk_.after.clear();  // Behind the root is everything else.
  }

  env::Task<Status> Send() {
    if (!walk_.after.empty() && !IsNormalViewPath(walk_.after)) {
      co_return Status(Code::kInvalidArgument, "after is not a `next` of an earlier answer");
    }
    do {
      FUSTOR_CO_TRY(co_await Fill());
      if (response_.entries_size() == 0 && !first_ && response_.next().empty()) break;
      first_ = false;
      FUSTOR_CO_TRY(co_await stream_.Send(response_.SerializeAsString()));
    } while (!done_);
    co_return Status();
  }

 private:
  bool full() const {
    return static_cast<std::uint32_t>(response_.entries_size()) >= options_.entries_per_message ||
           bytes_ >= options_.message_bytes;
  }

  // The next message, from one revision, in as many turns as it takes.
  env::Task<Status> Fill() {
    response_.Clear();
    bytes_ = 0;
    status_ = view_.status();
    if (first_) FillTrust(*status_, clock_, response_.mutable_trust());
    const Result<tree::Snapshot> snapshot = view_.Pin();
    if (!snapshot.ok()) co_return snapshot.status();
    response_.set_revision(snapshot->revision());
    if (first_ && walk_.must_exist && !snapshot->Find(walk_.query.under)) {
      co_return NoSuchPath(walk_.query.under, view_);
    }
    if (std::exchange(walk_.with_root, false)) Add(*snapshot, "/", snapshot->Root());
    while (!done_ && !full()) {
      Step(*snapshot);
      if (!done_ && !full()) co_await NextTurn();
    }
    co_return Status();
  }

  void Step(const tree::Snapshot& snapshot) {
    bool over = false;
    const std::optional<std::string> next =
        tree::Search(snapshot, walk_.query, walk_.after, slices_.Begin(),
                     [&](std::string_view path, const tree::Snapshot::Row& row) {
                       // One more than the limit shows that there is more.
                       over = left_ == 0;
                       if (over) return false;
                       Add(snapshot, path, row.Load());
                       return !full();
                     });
    slices_.End();
    done_ = over || !next;
    if (over) response_.set_next(last_);
    if (next) walk_.after = *next;
  }

  void Add(const tree::Snapshot& snapshot, std::string_view path, const tree::Entry& entry) {
    pb::Entry* const out = response_.add_entries();
    FillEntry(path, entry, *status_, out);
    if (walk_.totals && entry.attrs.is_directory()) {
      FillTotals(snapshot.AggregatesOf(entry.dir), out->mutable_totals());
    }
    bytes_ += path.size() + sizeof(pb::Entry);
    --left_;
    last_ = path;
  }

  const View& view_;
  Walk walk_;
  const ViewService::Options& options_;
  const env::Clock& clock_;
  env::Stream& stream_;
  Slices slices_;
  std::uint64_t left_;
  std::string last_;
  bool first_ = true;
  bool done_ = false;
  std::size_t bytes_ = 0;
  std::shared_ptr<const ViewStatus> status_;
  pb::EntriesResponse response_;
};

void FillChange(const RevisionChanges& changes, std::size_t i, const ViewStatus& status,
                pb::ViewChange* out) {
  const RevisionChanges::Row& row = changes.row(i);
  out->set_kind(static_cast<pb::ViewChange::Kind>(row.kind));
  out->set_revision(changes.revision());
  out->set_time_ns(changes.at().ns);
  const std::string_view old_path = changes.old_path(i);
  out->set_old_path(old_path.data(), old_path.size());
  out->set_content((row.what & kChangedContent) != 0);
  out->set_permissions((row.what & kChangedPermissions) != 0);
  out->set_attributes((row.what & kChangedAttributes) != 0);
  out->set_trust((row.what & kChangedTrust) != 0);
  FillEntry(changes.path(i), changes.EntryOf(i), status, out->mutable_entry());
}

// Sends changes in messages of limited size. A message has a position when a revision ends with it.
env::Task<Status> SendPage(const FeedNews& news, const ChangeFilter& filter,
                           std::shared_ptr<const ViewStatus> status,
                           const ViewService::Options& options, env::Stream& stream,
                           bool* sent_any) {
  pb::ChangesResponse response;
  std::size_t bytes = 0;
  for (const auto& changes : news.revisions) {
    for (std::size_t i = 0; i < changes->size(); ++i) {
      if (!filter.Passes(*changes, i)) continue;
      if (bytes >= options.message_bytes ||
          static_cast<std::uint32_t>(response.changes_size()) >= options.entries_per_message) {
        *sent_any = true;
        const Status sent = co_await stream.Send(response.SerializeAsString());
        if (!sent.ok()) co_return sent;
        response.Clear();
        bytes = 0;
      }
      FillChange(*changes, i, *status, response.add_changes());
      response.clear_position();
      bytes += changes->path(i).size() + changes->old_path(i).size() + sizeof(pb::ViewChange);
    }
    response.set_revision(changes->revision());
    response.set_position(FeedPosition{changes->revision(), news.position.incarnation}.Text());
  }
  if (response.changes_size() == 0) co_return Status();
  response.set_position(news.position.Text());
  *sent_any = true;
  co_return co_await stream.Send(response.SerializeAsString());
}

env::Task<Status> SendNote(pb::ChangesResponse::Kind kind, const FeedPosition& position,
                           const std::string& reason, env::Stream& stream) {
  pb::ChangesResponse response;
  response.set_kind(kind);
  response.set_position(position.Text());
  response.set_revision(position.revision);
  response.set_reason(reason);
  co_return co_await stream.Send(response.SerializeAsString());
}

}  // namespace

ViewService::ViewService(ViewSet& views, env::Executor& executor, const env::Clock& clock,
                         Options options)
    : views_(views), executor_(executor), clock_(clock), options_(options) {}

void ViewService::AddMethods(env::MethodTable* table) {
  using Answer =
      Result<std::string> (ViewService::*)(const env::CallContext&, const std::string&) const;
  struct Call {
    static env::Task<Result<std::string>> Run(const ViewService* self, Answer answer,
                                              env::CallContext context, std::string request) {
      co_return (self->*answer)(context, request);
    }
  };
  const auto unary = [&](const char* name, Answer answer) {
    table->AddUnary(name, executor_, [this, answer](env::CallContext context, std::string request) {
      return Call::Run(this, answer, std::move(context), std::move(request));
    });
  };
  const auto stream = [&](const char* name, auto method) {
    table->AddStream(name, executor_, [this, method](env::CallContext context, env::Stream& out) {
      return (this->*method)(std::move(context), out);
    });
  };
  unary(kStatusMethod, &ViewService::ShowViews);
  unary(kStatMethod, &ViewService::ShowEntry);
  unary(kDuMethod, &ViewService::ShowUsage);
  table->AddUnary(kScanMethod, executor_, [this](env::CallContext context, std::string request) {
    return StartScan(std::move(context), std::move(request));
  });
  table->AddUnary(kJobsMethod, executor_, [this](env::CallContext context, std::string request) {
    return ShowJobs(std::move(context), std::move(request));
  });
  stream(kTreeMethod, &ViewService::SendTree);
  stream(kSearchMethod, &ViewService::SendMatches);
  stream(kChangesMethod, &ViewService::SendChanges);
}

Result<std::shared_ptr<View>> ViewService::Find(const env::CallContext& context,
                                                const std::string& view_id) const {
  FUSTOR_TRY_ASSIGN(const ViewSet::Access access, CheckCallKey(views_, context));
  if (!Opens(access, view_id)) {
    return Status(Code::kPermissionDenied, "This API key does not open view '" + view_id + "'");
  }
  std::shared_ptr<View> view = views_.Find(view_id);
  if (view != nullptr) return view;
  if (const auto members = views_.Members(view_id)) {
    return Status(Code::kFailedPrecondition, AskAMember(view_id, *members));
  }
  return Status(Code::kNotFound, "View '" + view_id + "' not found");
}

Result<std::shared_ptr<View>> ViewService::Open(const env::CallContext& context,
                                                const std::string& view_id) const {
  FUSTOR_TRY_ASSIGN(std::shared_ptr<View> view, Find(context, view_id));
  const std::shared_ptr<const ViewStatus> status = view->status();
  if (status->ready || (status->stale_ok && status->was_ready_once)) return view;
  return Status(Code::kUnavailable, ReasonFor(*view, *status));
}

Result<std::string> ViewService::ShowViews(const env::CallContext& context,
                                           const std::string& bytes) const {
  FUSTOR_TRY_ASSIGN(const pb::StatusRequest request, Parse<pb::StatusRequest>(bytes));
  pb::StatusResponse response;
  if (!request.view_id().empty()) {
    FUSTOR_TRY_ASSIGN(const std::shared_ptr<View> view, Find(context, request.view_id()));
    FillView(*view, clock_, response.add_views());
    return response.SerializeAsString();
  }
  FUSTOR_TRY_ASSIGN(const ViewSet::Access access, CheckCallKey(views_, context));
  for (const std::shared_ptr<View>& view : views_.All()) {
    if (Opens(access, view->id())) FillView(*view, clock_, response.add_views());
  }
  return response.SerializeAsString();
}

Result<std::string> ViewService::ShowEntry(const env::CallContext& context,
                                           const std::string& bytes) const {
  FUSTOR_TRY_ASSIGN(const pb::StatRequest request, Parse<pb::StatRequest>(bytes));
  FUSTOR_TRY_ASSIGN(const std::shared_ptr<View> view, Open(context, request.view_id()));
  FUSTOR_TRY_ASSIGN(const std::string path, PathOf(request.path(), "path"));
  FUSTOR_TRY_ASSIGN(const tree::Snapshot snapshot, view->Pin());
  const std::optional<tree::Entry> entry = snapshot.Find(path);
  if (!entry) return NoSuchPath(path, *view);
  const std::shared_ptr<const ViewStatus> status = view->status();
  pb::StatResponse response;
  FillEntry(path, *entry, *status, response.mutable_entry());
  if (entry->attrs.is_directory()) {
    response.mutable_entry()->set_listed_ns(Seconds(snapshot.ListedAt(entry->dir)).count());
  }
  if (request.totals() && entry->attrs.is_directory()) {
    FillTotals(snapshot.AggregatesOf(entry->dir), response.mutable_entry()->mutable_totals());
  }
  response.set_revision(snapshot.revision());
  FillTrust(*status, clock_, response.mutable_trust());
  return response.SerializeAsString();
}

Result<std::string> ViewService::ShowUsage(const env::CallContext& context,
                                           const std::string& bytes) const {
  FUSTOR_TRY_ASSIGN(const pb::DuRequest request, Parse<pb::DuRequest>(bytes));
  FUSTOR_TRY_ASSIGN(const std::shared_ptr<View> view, Open(context, request.view_id()));
  FUSTOR_TRY_ASSIGN(const std::string path, PathOf(request.path(), "path"));
  FUSTOR_TRY_ASSIGN(const tree::Snapshot snapshot, view->Pin());
  const std::optional<tree::Entry> entry = snapshot.Find(path);
  if (!entry) return NoSuchPath(path, *view);
  pb::DuResponse response;
  FillTotals(SumsOf(snapshot, *entry), response.mutable_totals());
  response.set_revision(snapshot.revision());
  FillTrust(*view->status(), clock_, response.mutable_trust());
  return response.SerializeAsString();
}

env::Task<Status> ViewService::SendTree(env::CallContext context, env::Stream& stream) {
  const Result<pb::TreeRequest> request = co_await ReceiveOne<pb::TreeRequest>(stream);
  if (!request.ok()) co_return request.status();
  Result<std::shared_ptr<View>> view = Open(context, request->view_id());
  if (!view.ok()) co_return view.status();
  Walk walk;
  FUSTOR_CO_TRY_ASSIGN(walk.query.under, PathOf(request->path(), "path"));
  if (request->has_max_depth()) walk.query.depth_max = request->max_depth();
  walk.limit = request->limit();
  walk.after = request->after();
  walk.totals = request->totals();
  walk.with_root = walk.query.under == "/" && walk.after.empty();
  walk.must_exist = true;
  EntryStream entries(**view, std::move(walk), options_, clock_, stream);
  co_return co_await entries.Send();
}

env::Task<Status> ViewService::SendMatches(env::CallContext context, env::Stream& stream) {
  const Result<pb::SearchRequest> request = co_await ReceiveOne<pb::SearchRequest>(stream);
  if (!request.ok()) co_return request.status();
  Result<std::shared_ptr<View>> view = Open(context, request->view_id());
  if (!view.ok()) co_return view.status();
  Walk walk;
  FUSTOR_CO_TRY(ReadSearchRequest(*request, &walk.query));
  AddSubtrees(*(*view)->status(), &walk.query);
  walk.limit = request->limit();
  walk.after = request->after();
  walk.totals = request->totals();
  EntryStream entries(**view, std::move(walk), options_, clock_, stream);
  co_return co_await entries.Send();
}

env::Task<Status> ViewService::SendChanges(env::CallContext context, env::Stream& stream) {
  const Result<pb::ChangesRequest> request = co_await ReceiveOne<pb::ChangesRequest>(stream);
  if (!request.ok()) co_return request.status();
  const Result<std::shared_ptr<View>> view = Open(context, request->view_id());
  if (!view.ok()) co_return view.status();
  std::vector<std::string> paths;
  for (const std::string& bytes : request->paths()) {
    FUSTOR_CO_TRY_ASSIGN(std::string path, PathOf(bytes, "paths"));
    paths.push_back(std::move(path));
  }
  const ChangeFilter filter(std::move(paths));
  std::optional<FeedPosition> since;
  if (!request->since().empty()) {
    since = FeedPosition::Parse(request->since());
    if (!since) {
      co_return Status(Code::kInvalidArgument, "since is neither a revision nor a position");
    }
  }
  Result<std::unique_ptr<ChangeReader>> reader = co_await (*view)->Follow(since);
  if (!reader.ok()) co_return reader.status();
  co_return co_await SendNews(context, *view, *std::move(reader), since, filter, stream);
}

env::Task<Status> ViewService::SendNews(const env::CallContext& context,
                                        const std::shared_ptr<View>& view,
                                        std::unique_ptr<ChangeReader> reader,
                                        std::optional<FeedPosition> since,
                                        const ChangeFilter& filter, env::Stream& stream) {
  const std::stop_token gone = env::ClientGone(stream);
  Instant sent_at = executor_.clock().Now();
  // At once: what is wrong with where the reader wants to begin.
  FeedNews news = co_await reader->Next(sent_at, gone);
  if (news.kind != FeedNews::Kind::kReset) {
    FeedPosition from = news.position;
    if (since) from.revision = since->revision;
    FUSTOR_CO_TRY(co_await SendNote(pb::ChangesResponse::START, from, "", stream));
  }
  while (news.kind != FeedNews::Kind::kEnded) {
    bool sent = false;
    if (news.kind == FeedNews::Kind::kReset) {
      sent = true;
      FUSTOR_CO_TRY(
          co_await SendNote(pb::ChangesResponse::RESET, news.position, news.reason, stream));
    } else if (news.kind == FeedNews::Kind::kChanges) {
      FUSTOR_CO_TRY(co_await SendPage(news, filter, view->status(), options_, stream, &sent));
    }
    // Also where much changes that this reader does not want to know.
    if (!sent && executor_.clock().Now() - sent_at >= options_.feed_heartbeat) {
      sent = true;
      FUSTOR_CO_TRY(co_await SendNote(pb::ChangesResponse::QUIET, news.position, "", stream));
    }
    if (sent) sent_at = executor_.clock().Now();
    const Result<std::shared_ptr<View>> still = Find(context, view->id());
    if (!still.ok()) co_return still.status();
    news = co_await reader->Next(sent_at + options_.feed_heartbeat, gone);
  }
  co_return Status(Code::kUnavailable, news.reason);
}

}  // namespace fustor::fusion
