#include "adapters/http/connection.h"

#include <algorithm>
#include <utility>

#include "lib/http/answers.h"
#include "lib/http/text.h"

namespace fustor::http {
namespace {

constexpr std::size_t kHeadRoomBytesMin = 4096;

int StatusOfBadHead(Code code) {
  if (code == Code::kUnimplemented) return 501;
  if (code == Code::kFailedPrecondition) return 417;
  return 400;
}

std::string Join(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace

Connection::Connection(Loop& loop, std::shared_ptr<Wire> wire, std::string peer)
    : loop_(loop),
      site_(loop.site()),
      wire_(std::move(wire)),
      peer_(std::move(peer)),
      outbox_(std::make_shared<Outbox>(
          wire_, loop.executor(), loop.group(),
          WriteLimits{site_.options.write_timeout, site_.options.bytes_per_second_min})),
      body_(*wire_, inbox_, loop.executor().clock()),
      answer_(outbox_, body_, loop.supply()),
      accepted_(loop.Now()),
      place_(loop.Enter(this)) {}

Connection::~Connection() { loop_.Leave(place_); }

env::Task<void> Connection::Run(std::shared_ptr<Connection> self) {
  const bool greeted = co_await self->Greet();
  while (greeted && co_await self->ServeNext()) {
  }
  self->gone_.request_stop();
  if (greeted) co_await self->Part();
  self->wire_->Abort();
}

void Connection::Tick(Instant now) {
  for (Watch* watch : {&watch_, &body_.watch()}) {
    if (now <= watch->deadline) continue;
    watch->Disarm();
    watch->expired = true;
    wire_->CancelPending();
  }
  if (now > outbox_->watch().deadline) {
    site_.write_timeouts.Add();
    Abort();
  }
  // A look at the socket of handlers that take their time; the quick ones need none.
  if (handler_since_ < now - loop_.tick() && !gone_.stop_requested() && wire_->PeerGone()) {
    gone_.request_stop();
  }
}

void Connection::Abort() {
  wire_->Abort();
  gone_.request_stop();
}

env::Task<bool> Connection::Greet() {
  if (!wire_->tls()) co_return true;
  watch_.Arm(accepted_ + site_.options.header_timeout);
  const IoResult shaken = co_await wire_->Handshake();
  watch_.Disarm();
  if (watch_.expired) site_.header_timeouts.Add();
  co_return shaken.error == IoError::kNone;
}

env::Task<bool> Connection::ServeNext() {
  unread_ = false;
  scanned_bytes_ = 0;
  std::size_t size = HeadSize(inbox_.data(), scanned_bytes_);
  if (size == 0 || size > site_.options.header_bytes_max) {
    scanned_bytes_ = 0;
    size = co_await ReadHead();
  }
  if (size == 0) co_return false;
  const std::string_view bytes = inbox_.data().substr(0, size);
  inbox_.Consume(size);  // The bytes stay until more are read.
  Result<RequestHead> head = ParseRequestHead(bytes);
  if (!head.ok()) {
    co_await RefuseHead(StatusOfBadHead(head.status().code()), head.status().message());
    co_return false;
  }
  co_return co_await Serve(std::move(*head));
}

env::Task<std::size_t> Connection::ReadHead() {
  const std::size_t bytes_max = site_.options.header_bytes_max;
  Instant deadline = accepted_ + site_.options.header_timeout;
  bool started = requests_ == 0;
  for (;;) {
    while (scanned_bytes_ == 0 && inbox_.data().starts_with("\r\n")) inbox_.Consume(2);
    const std::string_view data = inbox_.data();
    const std::size_t size = HeadSize(data, scanned_bytes_);
    if (size > bytes_max || (size == 0 && data.size() >= bytes_max)) {
      const bool first_line = data.substr(0, bytes_max).find('\n') == std::string_view::npos;
      co_await RefuseHead(first_line ? 414 : 431, "the request header is larger than " +
                                                      std::to_string(bytes_max) + " bytes");
      co_return 0;
    }
    if (size > 0) co_return size;
    if (!outbox_->empty() && !outbox_->TryFlush()) {
      const Status flushed = co_await outbox_->Flush();
      if (!flushed.ok()) co_return 0;
    }
    if (!data.empty() && !started) {
      started = true;
      deadline = loop_.Now() + site_.options.header_timeout;
    }
    idle_ = inbox_.empty();
    if (idle_ && loop_.draining()) {
      silent_ = true;
      co_return 0;
    }
    if (idle_) inbox_.Shrink();
    watch_.Arm(started ? deadline : loop_.Now() + site_.options.keep_alive_timeout);
    const std::span<char> room = inbox_.Room(std::max(bytes_max, kHeadRoomBytesMin));
    const IoResult read = co_await wire_->Read(room);
    watch_.Disarm();
    idle_ = false;
    if (read.error == IoError::kNone) inbox_.Added(read.bytes);
    // A read that had ended already could not be cancelled: a client that never pauses must not
    // win time by that.
    if (read.error != IoError::kNone || watch_.expired) co_return co_await NoHead(read);
  }
}

env::Task<std::size_t> Connection::NoHead(IoResult read) {
  const bool ended = read.error != IoError::kNone && read.error != IoError::kCancelled;
  const bool late = watch_.expired && !ended;
  silent_ = true;
  idle_ = false;
  if (late && (requests_ == 0 || !inbox_.empty())) site_.header_timeouts.Add();
  if (late && !inbox_.empty()) {
    silent_ = false;
    co_await RefuseHead(408, "the request header did not arrive in time");
  }
  co_return 0;
}

env::Task<void> Connection::RefuseHead(int status, std::string detail) {
  const Instant start = loop_.Now();
  ++requests_;
  unread_ = true;
  match_ = Router::Match();
  request_ = Request();
  body_.Begin(Framing(), Coding::kIdentity, BodyLimits(), nullptr);
  answer_.Begin(AnswerOptions());
  (void)co_await SendDetail(answer_, status, std::move(detail));
  Count(start);
}

std::optional<Connection::Refusal> Connection::Prepare(RequestHead& head) {
  const bool has_body = !head.framing.empty();
  Result<Target> target = ParseTarget(head.target);
  request_.method = std::move(head.method);
  request_.headers = std::move(head.headers);
  request_.peer = peer_;
  request_.body = &body_;
  request_.store = &loop_.supply().store;
  request_.gone = gone_.get_token();
  match_ = Router::Match();
  BodyLimits limits{0, site_.options.body_timeout, site_.options.bytes_per_second_min};
  Coding coding = Coding::kIdentity;
  const auto begin = [&] {
    body_.Begin(head.framing, coding, limits, head.expects_continue ? outbox_.get() : nullptr);
  };
  if (!target.ok()) {
    begin();
    return Refusal{400, target.status().message(), {}};
  }
  request_.path = std::move(target->path);
  request_.query = std::move(target->query);
  match_ = site_.router.Find(request_.method, request_.path);
  limits.bytes_max = match_.options.body_bytes_max;
  Status decodable;
  if (const auto encoding = has_body ? request_.headers.Find("Content-Encoding") : std::nullopt) {
    Result<Coding> parsed = ParseContentCoding(*encoding);
    decodable = parsed.status();
    if (parsed.ok()) coding = *parsed;
  }
  begin();
  if (match_.handler == nullptr && !match_.allowed.empty()) {
    return Refusal{405, "this path has no method " + request_.method, std::move(match_.allowed)};
  }
  if (match_.handler == nullptr) return Refusal{404, "there is nothing at this path", {}};
  if (!decodable.ok()) return Refusal{415, decodable.message(), {}};
  if (!head.framing.chunked && head.framing.content_bytes > limits.bytes_max) {
    return Refusal{
        413, "the body is larger than " + std::to_string(limits.bytes_max) + " bytes", {}};
  }
  request_.path_parameters = std::move(match_.parameters);
  return std::nullopt;
}

env::Task<bool> Connection::Serve(RequestHead head) {
  const Instant start = loop_.Now();
  ++requests_;
  site_.in_flight.Add(1);
  std::optional<Refusal> refusal = Prepare(head);
  AnswerOptions options;
  options.head_only = request_.method == "HEAD";
  options.http10 = head.http10;
  options.keep_alive = head.keep_alive;
  options.more_requests = body_.complete() && !inbox_.empty();
  options.accept_encoding = request_.headers.Find("Accept-Encoding").value_or("");
  answer_.Begin(options);
  handler_since_ = start;
  auto handling = Handle(std::move(refusal));
  co_await std::move(handling);
  handler_since_ = Instant::Max();
  site_.in_flight.Add(-1);
  if (body_.failure().code() == Code::kDeadlineExceeded) site_.body_timeouts.Add();
  Count(start);
  if (!body_.complete() || body_.failure().code() == Code::kUnavailable) unread_ = true;
  co_return co_await ReadyForNext();
}

env::Task<void> Connection::Handle(std::optional<Refusal> refusal) {
  if (refusal) {
    Headers headers = JsonHeaders();
    if (!refusal->allowed.empty()) headers.Add("Allow", Join(refusal->allowed));
    std::string body = DetailJson(refusal->detail);
    (void)co_await answer_.Send(refusal->status, std::move(headers), std::move(body));
    co_return;
  }
  bool go_on = true;
  if (site_.options.before) {
    env::Task<bool> before = site_.options.before(request_, answer_);
    go_on = co_await std::move(before);
  }
  if (go_on) {
    env::Task<void> handling = (*match_.handler)(request_, answer_);
    co_await std::move(handling);
  }
  if (answer_.status() == 0) co_await AnswerForSilentHandler();
  if (answer_.ended()) co_return;
  // Half an answer must not look like a whole one: what was written goes out, and no end.
  outbox_->TryFlush();
  if (!outbox_->broken() && !gone_.stop_requested()) {
    site_.logger.Error("a handler did not end its answer", {{"pattern", match_.pattern}});
  }
  silent_ = true;
  Abort();
}

env::Task<void> Connection::AnswerForSilentHandler() {
  if (!body_.failure().ok()) {
    const int status = HttpStatusOfBodyFailure(body_.failure().code());
    (void)co_await SendDetail(answer_, status, body_.failure().message());
    co_return;
  }
  if (!gone_.stop_requested()) {
    site_.logger.Error("a handler gave no answer", {{"pattern", match_.pattern}});
  }
  answer_.CloseAfter();
  (void)co_await SendDetail(answer_, 500, "the server gave no answer");
}

void Connection::Count(Instant start) {
  Loop::RouteMetrics& metrics = loop_.MetricsOf(match_.handler, match_.pattern, request_.method);
  const int status = answer_.status();
  if (status >= 100 && status <= 599) {
    metrics.by_class[static_cast<std::size_t>(status / 100 - 1)]->Add();
  }
  metrics.seconds->Observe((loop_.Now() - start).count());
}

env::Task<bool> Connection::ReadyForNext() {
  if (outbox_->broken() || !answer_.keep_alive()) co_return false;
  if (!body_.complete()) {
    if (!outbox_->TryFlush()) {
      const Status flushed = co_await outbox_->Flush();
      if (!flushed.ok()) co_return false;
    }
    const bool discarded = co_await body_.Discard(kDiscardBytesMax);
    if (!discarded) co_return false;
    unread_ = false;
  }
  request_.headers = Headers();
  request_.path_parameters.clear();
  co_return true;
}

env::Task<void> Connection::Part() {
  if (silent_ || outbox_->broken()) co_return;
  if (!outbox_->empty()) {
    const Status flushed = co_await outbox_->Flush();
    if (!flushed.ok()) co_return;
  }
  watch_.Arm(loop_.Now() + site_.options.linger_timeout);
  // Closing while the client still sends would make its kernel throw our answer away.
  if (wire_->tls() && !unread_) {
    (void)co_await wire_->Farewell();
    co_return;
  }
  wire_->ShutdownSend();
  for (;;) {
    std::span<char> room = inbox_.Room(kHeadRoomBytesMin);
    if (room.empty()) {
      inbox_.Consume(inbox_.data().size());
      continue;
    }
    const IoResult read = co_await wire_->Read(room);
    if (read.error != IoError::kNone || watch_.expired) break;
  }
  watch_.Disarm();
}

}  // namespace fustor::http
