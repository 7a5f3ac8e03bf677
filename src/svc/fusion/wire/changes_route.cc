// GET /api/v1/views/{view}/changes
#include "lib/http/answers.h"
#include "svc/fusion/wire/change_events.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

http::Headers EventHeaders(const OpenView& open) {
  http::Headers headers;
  headers.Add("Content-Type", "text/event-stream");
  headers.Add("Cache-Control", "no-store");
  headers.Add("X-Accel-Buffering", "no");  // Else nginx waits for more.
  constexpr std::string_view kFreshness = "X-Fustor-Freshness";
  if (const auto stale = open.headers.Find(kFreshness)) {
    headers.Add(std::string(kFreshness), std::string(*stale));
  }
  return headers;
}

env::Task<void> AnswerCannotFollow(const Status& status, http::ResponseWriter& writer) {
  http::Headers headers = http::JsonHeaders();
  headers.Add("Retry-After", "5");
  (void)co_await writer.Send(503, std::move(headers), http::DetailJson(status.message()));
}

// What has been sent, and when.
class EventStream {
 public:
  EventStream(const ViewDoor& door, const http::Request& request, http::ResponseWriter& writer,
              const OpenView& open, ChangesQuery query)
      : door_(door),
        request_(request),
        writer_(writer),
        open_(open),
        query_(std::move(query)),
        filter_(query_.paths) {}

  env::Task<void> Run(std::unique_ptr<ChangeReader> reader) {
    env::Executor& here = co_await env::ThisExecutor();
    sent_at_ = here.clock().Now();
    // At once: what is wrong with where the reader wants to begin.
    FeedNews news = co_await reader->Next(sent_at_, request_.gone);
    if (news.kind != FeedNews::Kind::kReset) {
      FeedPosition from = news.position;
      if (query_.since) from.revision = query_.since->revision;
      AppendStartEvent(open_.view->id(), from, query_.since.has_value(), &text_);
    }
    for (;;) {
      const Status sent = co_await Send(news);
      if (!sent.ok()) co_return;
      if (news.kind == FeedNews::Kind::kEnded) break;
      if (!StillOpens(door_, request_)) break;
      news = co_await reader->Next(sent_at_ + door_.options.feed_heartbeat, request_.gone);
    }
    (void)co_await writer_.End();
  }

 private:
  env::Task<Status> Send(const FeedNews& news) {
    env::Executor& here = co_await env::ThisExecutor();
    switch (news.kind) {
      case FeedNews::Kind::kReset:
        AppendResetEvent(open_.view->id(), news.position, news.reason, &text_);
        break;
      case FeedNews::Kind::kEnded:
        text_ += ": " + news.reason + "\n\n";
        break;
      case FeedNews::Kind::kQuiet:
        break;
      case FeedNews::Kind::kChanges: {
        const NodeJson nodes({}, open_.view->status());
        ChangeEvents events(news.revisions, filter_, nodes, news.position);
        while (events.Step(door_.options.piece_bytes, &text_)) {
          const Status flushed = co_await Flush(here);
          if (!flushed.ok()) co_return flushed;
        }
        break;
      }
    }
    // Also where much changes that this reader does not want to know.
    if (text_.empty() && here.clock().Now() - sent_at_ >= door_.options.feed_heartbeat) {
      AppendHeartbeat(news.position, &text_);
    }
    if (text_.empty()) co_return Status();
    co_return co_await Flush(here);
  }

  env::Task<Status> Flush(env::Executor& here) {
    sent_at_ = here.clock().Now();
    std::string piece = std::exchange(text_, std::string());
    co_return co_await writer_.Write(std::move(piece));
  }

  const ViewDoor& door_;
  const http::Request& request_;
  http::ResponseWriter& writer_;
  const OpenView& open_;
  const ChangesQuery query_;
  const ChangeFilter filter_;
  std::string text_;
  Instant sent_at_;
};

}  // namespace

env::Task<void> AnswerChanges(const ViewDoor& door, http::Request& request,
                              http::ResponseWriter& writer) {
  ChangesQuery query;
  const auto read = [&](BadParameter* bad) { return ParseChangesQuery(request, &query, bad); };
  const std::optional<OpenView> open =
      co_await OpenAndRead(door, request, writer, Need::kReady, read);
  if (!open) co_return;
  Result<std::unique_ptr<ChangeReader>> reader = co_await open->view->Follow(query.since);
  if (!reader.ok()) {
    co_await AnswerCannotFollow(reader.status(), writer);
    co_return;
  }
  const Status started = co_await writer.Start(200, EventHeaders(*open));
  if (!started.ok()) co_return;
  if (request.method == "HEAD") {
    (void)co_await writer.End();
    co_return;
  }
  EventStream stream(door, request, writer, *open, std::move(query));
  co_await stream.Run(*std::move(reader));
}

}  // namespace fustor::fusion
