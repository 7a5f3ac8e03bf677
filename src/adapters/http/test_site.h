// test_site.h: a server with handlers for all that tests ask. Not for programs.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <string>

#include "adapters/http/server.h"
#include "adapters/http/test_support.h"
#include "base/check.h"
#include "env/task.h"
#include "lib/http/answers.h"

namespace fustor::http {

struct TestSite {
  explicit TestSite(ServerOptions options = {}) {
    AddRoutes();
    options.threads = options.threads == 0 ? 2 : options.threads;
    auto started = Server::Start(options, router, metrics, Logger(log, "test"));
    FUSTOR_CHECK(started.ok(), started.status().ToString());
    server = std::move(*started);
  }

  std::uint16_t port() const { return server->port(); }

  void AddRoutes() {
    router.Add("GET", "/hello", Hello);
    router.Add("GET", "/views/{view}/tree", Describe);
    router.Add("POST", "/echo", Echo, {.body_bytes_max = 10 << 20});
    router.Add("PUT", "/small", Echo, {.body_bytes_max = 1000});
    router.Add("PUT", "/ignore", Hello, {.body_bytes_max = 100 << 20});
    router.Add("POST", "/pieces", EchoPieces, {.body_bytes_max = 100 << 20});
    router.Add("GET", "/text", Text);
    router.Add("GET", "/stream",
               [this](Request& q, ResponseWriter& w) { return Stream(this, q, w); });
    router.Add("GET", "/silent", Silent);
    router.Add("PUT", "/silent", SilentReader, {.body_bytes_max = 1000});
    router.Add("GET", "/half", Half);
    router.Add("GET", "/twice", Twice);
    router.Add("GET", "/evil", Evil);
    router.Add("GET", "/empty", Empty);
    router.Add("GET", "/wait", [this](Request& q, ResponseWriter& w) { return Wait(this, q, w); });
    router.Add("GET", "/slow", [this](Request& q, ResponseWriter& w) { return Slow(this, q, w); });
  }

  static std::uint64_t Number(const Request& request, std::string_view name) {
    return std::strtoull(std::string(request.Query(name).value_or("0")).c_str(), nullptr, 10);
  }
  static Headers TextHeaders() {
    Headers headers;
    headers.Add("Content-Type", "text/plain");
    return headers;
  }

  static env::Task<void> Hello(Request&, ResponseWriter& writer) {
    (void)co_await writer.Send(200, TextHeaders(), "hello");
  }
  static env::Task<void> Describe(Request& request, ResponseWriter& writer) {
    std::string text = request.method + " " + request.path + " view=";
    text += request.PathParameter("view");
    for (const auto& [name, value] : request.query) text += " " + name + "=" + value;
    (void)co_await writer.Send(200, TextHeaders(), std::move(text));
  }
  static env::Task<void> Echo(Request& request, ResponseWriter& writer) {
    Result<std::string> body = co_await request.body->ReadAll();
    if (!body.ok()) co_return;
    Headers headers;
    headers.Add("Content-Type", "application/octet-stream");
    (void)co_await writer.Send(200, std::move(headers), std::move(*body));
  }
  static env::Task<void> EchoPieces(Request& request, ResponseWriter& writer) {
    if (!(co_await writer.Start(200, TextHeaders())).ok()) co_return;
    for (;;) {
      Result<std::optional<std::string>> piece = co_await request.body->ReadSome();
      if (!piece.ok()) co_return;
      if (!piece->has_value()) break;
      const Status written = co_await writer.Write(std::move(**piece));
      if (!written.ok()) co_return;
    }
    (void)co_await writer.End();
  }
  // /text?size=n
  static env::Task<void> Text(Request& request, ResponseWriter& writer) {
    std::string text;
    while (text.size() < Number(request, "size"))
      text += "line " + std::to_string(text.size()) + "\n";
    if (!request.Query("shared")) {
      (void)co_await writer.Send(200, TextHeaders(), std::move(text));
      co_return;
    }
    // &shared=status: kept in the loop's store from the first time on.
    const int status = static_cast<int>(Number(request, "shared"));
    AnswerStore::Body body = request.store->Find(request.path, std::to_string(text.size()));
    if (body == nullptr) body = std::make_shared<const std::string>(std::move(text));
    request.store->Put(request.path, std::to_string(body->size()), body);
    (void)co_await writer.SendShared(status, TextHeaders(), body);
  }
  // /stream?pieces=n&size=m
  static env::Task<void> Stream(TestSite* site, Request& request, ResponseWriter& writer) {
    Status status = co_await writer.Start(200, TextHeaders());
    const std::uint64_t pieces = Number(request, "pieces");
    for (std::uint64_t i = 0; i < pieces && status.ok(); ++i) {
      std::string piece(Number(request, "size"), static_cast<char>('a' + i % 26));
      status = co_await writer.Write(std::move(piece));
      if (status.ok()) site->pieces_written.fetch_add(1);
    }
    if (status.ok()) status = co_await writer.End();
    if (!status.ok()) site->stream_failure.set_value(status);
  }
  static env::Task<void> Silent(Request&, ResponseWriter&) { co_return; }
  static env::Task<void> SilentReader(Request& request, ResponseWriter& writer) {
    Result<std::string> body = co_await request.body->ReadAll();
    if (body.ok()) (void)co_await writer.Send(200, TextHeaders(), "read");
  }
  static env::Task<void> Half(Request&, ResponseWriter& writer) {
    (void)co_await writer.Start(200, TextHeaders());
    (void)co_await writer.Write("half");
  }
  static env::Task<void> Twice(Request&, ResponseWriter& writer) {
    (void)co_await writer.Send(200, TextHeaders(), "one");
    const Status again = co_await writer.Send(200, TextHeaders(), "two");
    FUSTOR_CHECK(again.code() == Code::kFailedPrecondition);
    const Status late = co_await writer.Write("three");
    FUSTOR_CHECK(late.code() == Code::kFailedPrecondition);
  }
  static env::Task<void> Evil(Request& request, ResponseWriter& writer) {
    Headers headers = TextHeaders();
    headers.Add("X-Copy", std::string(request.Query("copy").value_or("")));
    headers.Add("Content-Length", "7");
    headers.Add("Connection", "close");
    headers.Add("Bad Name", "x");
    (void)co_await writer.Send(200, std::move(headers), "evil");
  }
  static env::Task<void> Empty(Request& request, ResponseWriter& writer) {
    (void)co_await writer.Send(static_cast<int>(Number(request, "status")), {}, "");
  }
  // Waits until the client or the server has gone.
  static env::Task<void> Wait(TestSite* site, Request& request, ResponseWriter& writer) {
    site->waiting.set_value();
    const Status slept = co_await env::SleepFor(Seconds(600), request.gone);
    const Status sent = co_await writer.Send(200, TextHeaders(), "late");
    site->waited.set_value(sent);
    (void)slept.ok();
  }
  // Answers when the test says so.
  static env::Task<void> Slow(TestSite* site, Request&, ResponseWriter& writer) {
    site->waiting.set_value();
    co_await site->go_on.Wait();
    (void)co_await writer.Send(200, TextHeaders(), "slow");
  }

  Router router;
  TestMetrics metrics;
  TestLog log;
  std::atomic<std::uint64_t> pieces_written{0};
  std::promise<Status> stream_failure;
  std::promise<void> waiting;
  std::promise<Status> waited;
  env::Completion<bool> go_on;
  std::unique_ptr<Server> server;
};

}  // namespace fustor::http
