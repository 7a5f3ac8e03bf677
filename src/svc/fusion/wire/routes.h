// routes.h: what the handlers of views.h share: who may ask, what is sent, and how work is cut up.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "env/clock.h"
#include "env/task.h"
#include "lib/http/http.h"
#include "svc/fusion/flow/view.h"
#include "svc/fusion/wire/parameters.h"
#include "svc/fusion/wire/views.h"

namespace fustor::fusion {

// How many of something may go on at once. Thread-safe without waiting: everybody takes first and
// counts then, so that there are never more than `max`; of two who come for the last place at the
// same moment both may be turned away.
class Places {
 public:
  using Place = std::shared_ptr<const char>;

  explicit Places(std::uint32_t max) : root_(std::make_shared<const char>()), max_(max) {}
  // Taken until it is destroyed; nullptr: there is none.
  Place Take() const {
    Place place = root_;
    if (place.use_count() > static_cast<long>(max_) + 1) place.reset();
    return place;
  }

 private:
  Place root_;
  std::uint32_t max_;
};

// Constant while the router serves.
struct ViewDoor {
  ViewSet& views;
  ViewRoutesOptions options;
  const env::Clock& clock;
  Places long_answers{options.long_answers_max};
  Places past_diffs{options.past_diffs_max};

  PageLimits page_limits() const { return {options.page_items_default, options.page_items_max}; }
};

// A view that may be asked, and how fresh it is.
struct OpenView {
  std::shared_ptr<View> view;
  std::shared_ptr<const ViewStatus> status;
  http::Headers headers;  // Content-Type, and X-Fustor-Freshness when it is stale.
};

// The key in the value of a header `Authorization`; empty: there is none.
std::string_view BearerKey(std::string_view authorization);
bool Opens(const ViewSet::Access& access, std::string_view view);
// Why a view is not ready, beginning with its name; in the end which of the four conditions it
// waits for.
std::string ReasonFor(const View& view, const ViewStatus& status);
// Why what it shows all the same is not fresh.
std::string StaleReason(const ViewStatus& status);

enum class Need { kReady, kAnyState };

// Of X-API-Key, or of Authorization: Bearer; empty when there is none.
std::string_view KeyOf(const http::Request& request);

// What a key opens; nullopt after having answered 401.
env::Task<std::optional<ViewSet::Access>> CheckKey(const ViewDoor& door,
                                                   const http::Request& request,
                                                   http::ResponseWriter& writer);
// The view of the request's {view}; nullopt after having answered 401, 403, 404 or 503.
env::Task<std::optional<OpenView>> Open(const ViewDoor& door, const http::Request& request,
                                        http::ResponseWriter& writer, Need need);
// Reads the parameters; false: `*bad` is one that cannot be read.
using ReadParameters = std::function<bool(BadParameter* bad)>;
// Opens, then reads; nullopt also after having answered 422.
env::Task<std::optional<OpenView>> OpenAndRead(const ViewDoor& door, const http::Request& request,
                                               http::ResponseWriter& writer, Need need,
                                               ReadParameters read);
// The same as Open for another view than {view}.
env::Task<std::optional<OpenView>> OpenOther(const ViewDoor& door, const http::Request& request,
                                             std::string id, http::ResponseWriter& writer,
                                             Need need);
// Why a question to a whole forest is refused, and what to ask instead.
std::string AskAMember(std::string_view forest, const std::vector<std::shared_ptr<View>>& members);
// Whether the key of a request that goes on for long would still be let in.
bool StillOpens(const ViewDoor& door, const http::Request& request);
bool StillOpens(const ViewDoor& door, const http::Request& request, std::string_view view);
// Whether an answer that has held an old revision of `view` since `begun` may go on. What it keeps
// alive is at most the tree as it was then.
bool MayHold(const ViewDoor& door, const http::Request& request, const View& view, Instant begun);
// Pins; nullopt after having answered 503 (too many readers).
env::Task<std::optional<tree::Snapshot>> PinFor(const OpenView& open, http::ResponseWriter& writer);

env::Task<void> AnswerBadParameter(http::ResponseWriter& writer, BadParameter bad);
// 429: so many exports are under way that another one must wait.
env::Task<void> AnswerTooManyLong(http::ResponseWriter& writer);

// Lets everything else on this executor run first.
env::Task<void> NextTurn();

// How many rows to look at before the next turn, learned from how long the last ones took.
class Slices {
 public:
  Slices(const env::Clock& clock, Nanos aim) : clock_(clock), aim_(aim) {}
  std::uint64_t Begin() {
    begun_ = clock_.Now();
    return rows_;
  }
  void End();

 private:
  const env::Clock& clock_;
  Nanos aim_;
  Instant begun_;
  std::uint64_t rows_ = 2000;
};

// Calls visit for everything of one revision that matches, in path order, a slice at a time.
using VisitMatch = std::function<void(std::string_view path, const tree::Snapshot::Row& row)>;
env::Task<void> WalkMatches(const ViewDoor& door, const tree::Snapshot& snapshot,
                            const tree::SearchQuery& query, const VisitMatch& visit);

// An answer that is sent whole when it is short and piece by piece when it is not.
class Body {
 public:
  Body(http::ResponseWriter& writer, http::Headers headers, const ViewRoutesOptions& options)
      : writer_(writer), headers_(std::move(headers)), options_(options) {}

  std::string& text() { return text_; }
  // Nothing has been sent yet.
  bool whole() const { return !started_; }
  // Whether it is time to Flush.
  bool full() const { return text_.size() >= full_bytes(); }
  std::size_t full_bytes() const {
    return started_ ? options_.piece_bytes : options_.one_revision_bytes;
  }
  // Errors: kUnavailable (the client has gone).
  env::Task<Status> Flush();
  env::Task<Status> Finish();

 private:
  http::ResponseWriter& writer_;
  http::Headers headers_;
  const ViewRoutesOptions& options_;
  std::string text_;
  bool started_ = false;
};

// {"data": ..., "job_pending": ..., "meta": {...}} around an answer, when it is asked for.
void BeginEnvelope(bool envelope, std::string* out);
void EndEnvelope(bool envelope, const ViewDoor& door, const OpenView& open, std::string_view path,
                 tree::Revision revision, std::string* out, bool job_pending = false);

// Members freshness, stale_since, stale_reason, evidence_age_seconds, file_evidence_age_seconds,
// alarm, uncertain, audit_only: how far what lies at and below `path` can be trusted.
void WriteTrust(const ViewDoor& door, const ViewStatus& status, std::string_view path,
                JsonWriter* json);

// Of a directory and all below it; a file counts as a directory's sums would with it alone.
tree::Aggregates SumsOf(const tree::Snapshot& snapshot, const tree::Entry& entry);

// Epoch seconds, or null.
void WriteSeconds(std::optional<WallTime> time, JsonWriter* json);

using Answer = env::Task<void> (*)(const ViewDoor&, http::Request&, http::ResponseWriter&);
// Answers for each member of a forest, if {view} is one; else as `answer` does.
env::Task<void> AnswerMembers(const ViewDoor& door, Answer answer, http::Request& request,
                              http::ResponseWriter& writer);

// The handlers. Request, writer and door outlive the task.
env::Task<void> AnswerViews(const ViewDoor& door, http::Request& request,
                            http::ResponseWriter& writer);
env::Task<void> AnswerTree(const ViewDoor& door, http::Request& request,
                           http::ResponseWriter& writer);
// keyed_children: in an object by their names instead of a list.
env::Task<void> AnswerTreeAs(const ViewDoor& door, http::Request& request,
                             http::ResponseWriter& writer, bool keyed_children);
env::Task<void> AnswerSearch(const ViewDoor& door, http::Request& request,
                             http::ResponseWriter& writer);
// The matches of a search as a file: one revision, in pieces, held while the client reads
// (ViewRoutesOptions).
env::Task<void> AnswerExport(const ViewDoor& door, http::Request& request,
                             http::ResponseWriter& writer);
// The checkpoints that are kept.
env::Task<void> AnswerCheckpoints(const ViewDoor& door, http::Request& request,
                                  http::ResponseWriter& writer);
// What is different in another view, or since a checkpoint, as lines of JSON; held as an export is.
env::Task<void> AnswerDiff(const ViewDoor& door, http::Request& request,
                           http::ResponseWriter& writer);
env::Task<void> AnswerStats(const ViewDoor& door, http::Request& request,
                            http::ResponseWriter& writer);
env::Task<void> AnswerGroups(const ViewDoor& door, http::Request& request,
                             http::ResponseWriter& writer);
env::Task<void> AnswerTop(const ViewDoor& door, http::Request& request,
                          http::ResponseWriter& writer);
env::Task<void> AnswerDuplicates(const ViewDoor& door, http::Request& request,
                                 http::ResponseWriter& writer);
env::Task<void> AnswerChanges(const ViewDoor& door, http::Request& request,
                              http::ResponseWriter& writer);
env::Task<void> AnswerSessions(const ViewDoor& door, http::Request& request,
                               http::ResponseWriter& writer);
env::Task<void> AnswerSuspects(const ViewDoor& door, http::Request& request,
                               http::ResponseWriter& writer);
env::Task<void> AnswerBlindSpots(const ViewDoor& door, http::Request& request,
                                 http::ResponseWriter& writer);
env::Task<void> AnswerJobs(const ViewDoor& door, http::Request& request,
                           http::ResponseWriter& writer);
env::Task<void> AnswerJob(const ViewDoor& door, http::Request& request,
                          http::ResponseWriter& writer);
env::Task<void> StartJob(const ViewDoor& door, http::Request& request,
                         http::ResponseWriter& writer);
env::Task<void> AnswerReset(const ViewDoor& door, http::Request& request,
                            http::ResponseWriter& writer);
// /views/fs/...: of the only view, or the first, that the key opens.
env::Task<void> AnswerOldTree(const ViewDoor& door, http::Request& request,
                              http::ResponseWriter& writer);
env::Task<void> AnswerOldStats(const ViewDoor& door, http::Request& request,
                               http::ResponseWriter& writer);

}  // namespace fustor::fusion
