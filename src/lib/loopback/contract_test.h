// contract_test.h: what every env::Channel must do, as scenarios that each transport's test runs.
//
// A test makes a Service, serves its table with the transport, and runs each scenario on the
// client's executor. Service lives on the executor of its handlers.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "env/client_gone.h"
#include "env/signal.h"
#include "env/task_group.h"
#include "env/transport.h"

namespace fustor::transport_contract {

inline constexpr std::size_t kMessageBytesMax = std::size_t{4} << 20;

// Handlers to test with. `ended` tells how the last operation of a stream handler went.
class Service {
 public:
  explicit Service(env::Executor& executor) : executor_(executor) {
    using Unary = env::Task<Result<std::string>> (Service::*)(env::CallContext, std::string);
    using Stream = env::Task<Status> (Service::*)(env::CallContext, env::Stream&);
    const std::vector<std::pair<std::string, Unary>> unary = {
        {"/test.Test/Echo", &Service::Echo},
        {"/test.Test/Fail", &Service::Fail},
        {"/test.Test/Hang", &Service::Hang},
        {"/test.Test/Describe", &Service::Describe},
    };
    const std::vector<std::pair<std::string, Stream>> streams = {
        {"/test.Test/EchoAll", &Service::EchoAll},     {"/test.Test/SendAll", &Service::SendAll},
        {"/test.Test/DrainAll", &Service::DrainAll},   {"/test.Test/EndWith", &Service::EndWith},
        {"/test.Test/EndAtOnce", &Service::EndAtOnce}, {"/test.Test/Sit", &Service::Sit},
        {"/test.Test/CancelIt", &Service::CancelIt},   {"/test.Test/Wait", &Service::Wait},
    };
    for (const auto& [name, f] : unary) {
      table_.AddUnary(name, executor, [this, g = f](env::CallContext c, std::string request) {
        return (this->*g)(std::move(c), std::move(request));
      });
    }
    for (const auto& [name, f] : streams) {
      table_.AddStream(name, executor, [this, g = f](env::CallContext c, env::Stream& stream) {
        return (this->*g)(std::move(c), stream);
      });
    }
  }

  const env::MethodTable& table() const { return table_; }
  env::Executor& executor() { return executor_; }
  env::Completion<Status>& ended() { return ended_; }
  // A handler has begun.
  env::Completion<bool>& begun() { return begun_; }
  void Release() {
    executor_.Post([this] { gate_.Set(); });
  }

 private:
  env::Task<Result<std::string>> Echo(env::CallContext, std::string request) { co_return request; }
  env::Task<Result<std::string>> Fail(env::CallContext, std::string request) {
    co_return Status(static_cast<Code>(std::stoi(request)), "as asked: \xC3\xA4 %\n" + request);
  }
  env::Task<Result<std::string>> Hang(env::CallContext, std::string request) {
    begun_.resolver()(true);
    const Status woken = co_await gate_.Wait(Instant::Max(), {});
    ended_.resolver()(woken);
    co_return request;
  }
  env::Task<Result<std::string>> Describe(env::CallContext context, std::string) {
    EXPECT_TRUE(executor_.RunningHere());
    co_return std::string(context.Find("x-api-key")) + "|" +
        std::string(context.Find("x-bin-bin")) + "|" + (context.peer.empty() ? "no peer" : "peer");
  }
  env::Task<Status> EchoAll(env::CallContext, env::Stream& stream) {
    for (;;) {
      EXPECT_TRUE(executor_.RunningHere());
      Result<std::optional<std::string>> message = co_await stream.Receive();
      if (!message.ok() || !*message) {
        ended_.resolver()(message.status());
        co_return message.status();
      }
      const Status sent = co_await stream.Send(**std::move(message));
      if (!sent.ok()) {
        ended_.resolver()(sent);
        co_return sent;
      }
    }
  }
  env::Task<Status> SendAll(env::CallContext, env::Stream& stream) {
    Status sent;
    while (sent.ok()) sent = co_await stream.Send(std::string(1000, 's'));
    ended_.resolver()(sent);
    co_return sent;
  }
  env::Task<Status> DrainAll(env::CallContext, env::Stream& stream) {
    begun_.resolver()(true);
    for (;;) {
      Result<std::optional<std::string>> message = co_await stream.Receive();
      if (message.ok() && *message) continue;
      ended_.resolver()(message.status());
      co_return message.status();
    }
  }
  env::Task<Status> EndWith(env::CallContext, env::Stream& stream) {
    Result<std::optional<std::string>> code = co_await stream.Receive();
    if (!code.ok() || !*code) co_return Status(Code::kInternal, "no code");
    const Status sent = co_await stream.Send("bye");
    EXPECT_TRUE(sent.ok()) << sent.ToString();
    co_return Status(static_cast<Code>(std::stoi(**code)), "as asked");
  }
  env::Task<Status> EndAtOnce(env::CallContext, env::Stream&) { co_return Status(); }
  // Receives nothing until released.
  env::Task<Status> Sit(env::CallContext, env::Stream& stream) {
    begun_.resolver()(true);
    const Status woken = co_await gate_.Wait(Instant::Max(), {});
    EXPECT_TRUE(woken.ok());
    // What has come before the client went away may still be received.
    for (;;) {
      Result<std::optional<std::string>> message = co_await stream.Receive();
      if (message.ok() && *message) continue;
      ended_.resolver()(message.status());
      co_return message.status();
    }
  }
  env::Task<Status> CancelIt(env::CallContext, env::Stream& stream) {
    Result<std::optional<std::string>> first = co_await stream.Receive();
    EXPECT_TRUE(first.ok());
    stream.Cancel();
    const Status sent = co_await stream.Send("x");
    EXPECT_EQ(sent.code(), Code::kCancelled);
    Result<std::optional<std::string>> next = co_await stream.Receive();
    ended_.resolver()(next.status());
    co_return next.status();
  }
  // Sends nothing and receives no more; where the transport does not tell, only a Send shows it.
  env::Task<Status> Wait(env::CallContext, env::Stream& stream) {
    Result<std::optional<std::string>> end = co_await stream.Receive();
    EXPECT_TRUE(end.ok() && !*end);
    begun_.resolver()(true);
    const std::stop_token gone = env::ClientGone(stream);
    Status woken;
    if (gone.stop_possible()) woken = co_await gate_.Wait(Instant::Max(), gone);
    while (woken.ok()) woken = co_await stream.Send("x");
    ended_.resolver()(woken);
    co_return woken;
  }

  env::Executor& executor_;
  env::MethodTable table_;
  env::Completion<Status> ended_;
  env::Completion<bool> begun_;
  env::Signal gate_;
};

struct World {
  env::Channel* channel = nullptr;
  Service* service = nullptr;
};

using OpenResult = Result<std::unique_ptr<env::Stream>>;
using Received = Result<std::optional<std::string>>;

inline env::Task<int> UnaryCallsCarryBytesAndMetadata(World w) {
  std::string bytes(1 << 20, '\0');
  Prng prng(1);
  for (char& c : bytes) c = static_cast<char>(prng.Next());
  for (const std::string& request : {std::string(), std::string(1, '\0'), bytes}) {
    Result<std::string> answer = co_await w.channel->Call("/test.Test/Echo", request, {});
    EXPECT_TRUE(answer.ok() && *answer == request) << answer.status().ToString();
  }
  env::CallOptions options;
  options.metadata = {{"x-api-key", "se cret"}, {"x-bin-bin", std::string("\xFF\x00", 2)}};
  Result<std::string> answer = co_await w.channel->Call("/test.Test/Describe", "", options);
  EXPECT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(answer.value_or(""), "se cret|" + std::string("\xFF\x00", 2) + "|peer");
  co_return 0;
}

inline env::Task<int> UnaryCallsCarryEveryCodeAndMessage(World w) {
  for (int code = 1; code <= 16; ++code) {
    const std::string text = std::to_string(code);
    Result<std::string> answer = co_await w.channel->Call("/test.Test/Fail", text, {});
    EXPECT_EQ(answer.status().code(), static_cast<Code>(code));
    EXPECT_EQ(answer.status().message(), "as asked: \xC3\xA4 %\n" + text);
  }
  co_return 0;
}

inline env::Task<int> AUnaryCallEndsAtItsDeadline(World w) {
  env::Executor& here = co_await env::ThisExecutor();
  env::CallOptions options;
  options.deadline = here.clock().Now();
  Result<std::string> late = co_await w.channel->Call("/test.Test/Echo", "", options);
  EXPECT_EQ(late.status().code(), Code::kDeadlineExceeded);
  options.deadline = here.clock().Now() + Millis(60);
  Result<std::string> answer = co_await w.channel->Call("/test.Test/Hang", "", options);
  EXPECT_EQ(answer.status().code(), Code::kDeadlineExceeded);
  w.service->Release();
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_TRUE(ended.ok());
  co_return 0;
}

inline env::Task<void> StopWhenBegun(World w, std::stop_source stop) {
  co_await w.service->begun().Wait();
  stop.request_stop();
}

inline env::Task<int> AUnaryCallCanBeCancelled(World w) {
  env::Executor& here = co_await env::ThisExecutor();
  std::stop_source stop;
  env::CallOptions options;
  options.stop = stop.get_token();
  env::TaskGroup group(here);
  group.Spawn(StopWhenBegun(w, stop));
  Result<std::string> answer = co_await w.channel->Call("/test.Test/Hang", "", options);
  EXPECT_EQ(answer.status().code(), Code::kCancelled);
  answer = co_await w.channel->Call("/test.Test/Echo", "", options);
  EXPECT_EQ(answer.status().code(), Code::kCancelled);
  OpenResult stream = co_await w.channel->Open("/test.Test/EchoAll", options);
  EXPECT_EQ(stream.status().code(), Code::kCancelled);
  w.service->Release();
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_TRUE(ended.ok());
  co_await group.Join();
  co_return 0;
}

inline env::Task<int> AnUnknownMethodIsUnimplemented(World w) {
  Result<std::string> answer = co_await w.channel->Call("/test.Test/Nope", "", {});
  EXPECT_EQ(answer.status().code(), Code::kUnimplemented);
  answer = co_await w.channel->Call("/test.Test/EchoAll", "", {});
  if (answer.ok()) answer = Status(Code::kUnimplemented, "a stream may be called for one message");
  EXPECT_EQ(answer.status().code(), Code::kUnimplemented);
  OpenResult stream = co_await w.channel->Open("/test.Test/Nope", {});
  Status failed = stream.status();
  if (stream.ok()) {
    const Received received = co_await (*stream)->Receive();
    failed = received.status();
  }
  EXPECT_EQ(failed.code(), Code::kUnimplemented);
  co_return 0;
}

inline std::string NthMessage(std::uint64_t n) {
  Prng prng(n);
  return std::to_string(n) + std::string(prng.Below(prng.Chance(1, 100) ? 100'000 : 300), 'm');
}

inline env::Task<void> SendMany(env::Stream* stream, std::uint64_t count) {
  for (std::uint64_t n = 0; n < count; ++n) {
    const Status sent = co_await stream->Send(NthMessage(n));
    EXPECT_TRUE(sent.ok()) << n << " " << sent.ToString();
  }
  Status closed = co_await stream->CloseSend();
  EXPECT_TRUE(closed.ok()) << closed.ToString();
}

inline env::Task<int> AStreamEchoesTenThousandMessagesInOrder(World w) {
  constexpr std::uint64_t kCount = 10'000;
  env::Executor& here = co_await env::ThisExecutor();
  OpenResult stream = co_await w.channel->Open("/test.Test/EchoAll", {});
  env::TaskGroup group(here);
  group.Spawn(SendMany(stream->get(), kCount));
  for (std::uint64_t n = 0; n < kCount; ++n) {
    Received message = co_await (*stream)->Receive();
    EXPECT_TRUE(here.RunningHere());
    const bool same = message.ok() && *message && **message == NthMessage(n);
    EXPECT_TRUE(same) << n << " " << message.status().ToString();
    if (!same) break;
  }
  Received end = co_await (*stream)->Receive();
  EXPECT_TRUE(end.ok() && !*end) << end.status().ToString();
  end = co_await (*stream)->Receive();
  EXPECT_TRUE(end.ok() && !*end) << "a second time";
  co_await group.Join();
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_TRUE(ended.ok()) << ended.ToString();
  co_return 0;
}

// The other side receives nothing: what Send lets through stays far below what is offered.
inline env::Task<int> SendWaitsForTheReceiver(World w) {
  env::Executor& here = co_await env::ThisExecutor();
  env::CallOptions options;
  options.deadline = here.clock().Now() + Millis(400);
  OpenResult stream = co_await w.channel->Open("/test.Test/Sit", options);
  const std::string message(64 << 10, 'x');
  int sent_count = 0;
  Status sent;
  while (sent.ok() && sent_count < 4000) {
    sent = co_await (*stream)->Send(message);
    if (sent.ok()) ++sent_count;
  }
  EXPECT_EQ(sent.code(), Code::kDeadlineExceeded);
  EXPECT_LT(sent_count, 1000);
  EXPECT_GT(sent_count, 0);
  const Received received = co_await (*stream)->Receive();
  EXPECT_EQ(received.status().code(), Code::kDeadlineExceeded);
  w.service->Release();
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_EQ(ended.code(), Code::kCancelled);
  co_return 0;
}

inline env::Task<int> TheServerEndsAStreamWithAStatus(World w) {
  for (const Code code : {Code::kNotFound, Code::kResourceExhausted, Code::kUnauthenticated}) {
    OpenResult stream = co_await w.channel->Open("/test.Test/EndWith", {});
    const Status sent = co_await (*stream)->Send(std::to_string(static_cast<int>(code)));
    EXPECT_TRUE(sent.ok());
    Received message = co_await (*stream)->Receive();
    EXPECT_TRUE(message.ok() && *message && **message == "bye") << message.status().ToString();
    message = co_await (*stream)->Receive();
    EXPECT_EQ(message.status(), Status(code, "as asked"));
    const Status late = co_await (*stream)->Send("late");
    EXPECT_EQ(late, Status(code, "as asked"));
  }
  co_return 0;
}

// The sender must learn of the end even when nobody receives, and messages sent before the end
// must still be there.
inline env::Task<int> ASenderLearnsThatTheServerHasEnded(World w) {
  OpenResult stream = co_await w.channel->Open("/test.Test/EndWith", {});
  Status sent = co_await (*stream)->Send("5");
  EXPECT_TRUE(sent.ok());
  for (int i = 0; sent.ok() && i < 1'000'000; ++i) {
    sent = co_await (*stream)->Send(std::string(1000, 'z'));
  }
  EXPECT_EQ(sent, Status(Code::kNotFound, "as asked"));
  Received message = co_await (*stream)->Receive();
  EXPECT_TRUE(message.ok() && *message && **message == "bye") << message.status().ToString();
  message = co_await (*stream)->Receive();
  EXPECT_EQ(message.status().code(), Code::kNotFound);

  OpenResult other = co_await w.channel->Open("/test.Test/EndAtOnce", {});
  message = co_await (*other)->Receive();
  EXPECT_TRUE(message.ok() && !*message) << message.status().ToString();
  sent = co_await (*other)->Send("late");
  EXPECT_EQ(sent.code(), Code::kUnavailable) << sent.ToString();
  co_return 0;
}

inline env::Task<int> AClientCancelsWhileItReceives(World w) {
  OpenResult stream = co_await w.channel->Open("/test.Test/DrainAll", {});
  co_await w.service->begun().Wait();
  (*stream)->Cancel();
  const Received received = co_await (*stream)->Receive();
  EXPECT_EQ(received.status().code(), Code::kCancelled);
  const Status sent = co_await (*stream)->Send("x");
  EXPECT_EQ(sent.code(), Code::kCancelled);
  const Status closed = co_await (*stream)->CloseSend();
  EXPECT_EQ(closed.code(), Code::kCancelled);
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_EQ(ended.code(), Code::kCancelled) << ended.ToString();
  co_return 0;
}

inline env::Task<int> AHandlerThatSendsSeesThatTheClientCancelled(World w) {
  OpenResult stream = co_await w.channel->Open("/test.Test/SendAll", {});
  for (int i = 0; i < 10; ++i) {
    const Received received = co_await (*stream)->Receive();
    EXPECT_TRUE(received.ok() && *received);
  }
  (*stream)->Cancel();
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_EQ(ended.code(), Code::kCancelled) << ended.ToString();
  const Received received = co_await (*stream)->Receive();
  EXPECT_EQ(received.status().code(), Code::kCancelled);
  co_return 0;
}

inline env::Task<int> AHandlerThatWaitsIsToldThatTheClientHasGone(World w) {
  {
    OpenResult stream = co_await w.channel->Open("/test.Test/Wait", {});
    const Status closed = co_await (*stream)->CloseSend();
    EXPECT_TRUE(closed.ok());
    co_await w.service->begun().Wait();
  }
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_EQ(ended.code(), Code::kCancelled) << ended.ToString();
  co_return 0;
}

inline env::Task<int> AStopTokenEndsAPendingReceive(World w) {
  env::Executor& here = co_await env::ThisExecutor();
  std::stop_source stop;
  env::CallOptions options;
  options.stop = stop.get_token();
  OpenResult stream = co_await w.channel->Open("/test.Test/DrainAll", options);
  env::TaskGroup group(here);
  group.Spawn(StopWhenBegun(w, stop));
  const Received received = co_await (*stream)->Receive();
  EXPECT_EQ(received.status().code(), Code::kCancelled);
  co_await group.Join();
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_EQ(ended.code(), Code::kCancelled) << ended.ToString();
  co_return 0;
}

inline env::Task<int> DestroyingAStreamCancelsIt(World w) {
  {
    OpenResult stream = co_await w.channel->Open("/test.Test/DrainAll", {});
    const Status sent = co_await (*stream)->Send("x");
    EXPECT_TRUE(sent.ok());
    co_await w.service->begun().Wait();
  }
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_EQ(ended.code(), Code::kCancelled) << ended.ToString();
  co_return 0;
}

inline env::Task<int> ADeadlineEndsAStream(World w) {
  env::Executor& here = co_await env::ThisExecutor();
  env::CallOptions options;
  options.deadline = here.clock().Now() + Millis(60);
  OpenResult stream = co_await w.channel->Open("/test.Test/DrainAll", options);
  const Received received = co_await (*stream)->Receive();
  EXPECT_EQ(received.status().code(), Code::kDeadlineExceeded);
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_EQ(ended.code(), Code::kCancelled) << ended.ToString();
  co_return 0;
}

inline env::Task<int> AHandlerCanCancelItsStream(World w) {
  OpenResult stream = co_await w.channel->Open("/test.Test/CancelIt", {});
  const Status sent = co_await (*stream)->Send("x");
  EXPECT_TRUE(sent.ok());
  const Received received = co_await (*stream)->Receive();
  // A reset tells the client no more than that there is no answer.
  EXPECT_TRUE(received.status().code() == Code::kCancelled ||
              received.status().code() == Code::kUnavailable)
      << received.status().ToString();
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_EQ(ended.code(), Code::kCancelled);
  co_return 0;
}

inline env::Task<int> AMessageOverTheLimitIsRefusedAndTheStreamGoesOn(World w) {
  OpenResult stream = co_await w.channel->Open("/test.Test/EchoAll", {});
  Status sent = co_await (*stream)->Send(std::string(kMessageBytesMax + 1, 'b'));
  EXPECT_EQ(sent.code(), Code::kResourceExhausted);
  sent = co_await (*stream)->Send(std::string(kMessageBytesMax, 'b'));
  EXPECT_TRUE(sent.ok()) << sent.ToString();
  const Received received = co_await (*stream)->Receive();
  EXPECT_TRUE(received.ok() && *received && (*received)->size() == kMessageBytesMax)
      << received.status().ToString();
  const Result<std::string> answer =
      co_await w.channel->Call("/test.Test/Echo", std::string(kMessageBytesMax + 1, 'b'), {});
  EXPECT_EQ(answer.status().code(), Code::kResourceExhausted);
  co_return 0;
}

struct Scenario {
  const char* name;
  env::Task<int> (*run)(World);
};
#define FUSTOR_SCENARIO(name) {#name, &name}
inline const Scenario kScenarios[] = {
    FUSTOR_SCENARIO(UnaryCallsCarryBytesAndMetadata),
    FUSTOR_SCENARIO(UnaryCallsCarryEveryCodeAndMessage),
    FUSTOR_SCENARIO(AUnaryCallEndsAtItsDeadline),
    FUSTOR_SCENARIO(AUnaryCallCanBeCancelled),
    FUSTOR_SCENARIO(AnUnknownMethodIsUnimplemented),
    FUSTOR_SCENARIO(AStreamEchoesTenThousandMessagesInOrder),
    FUSTOR_SCENARIO(SendWaitsForTheReceiver),
    FUSTOR_SCENARIO(TheServerEndsAStreamWithAStatus),
    FUSTOR_SCENARIO(ASenderLearnsThatTheServerHasEnded),
    FUSTOR_SCENARIO(AClientCancelsWhileItReceives),
    FUSTOR_SCENARIO(AHandlerThatSendsSeesThatTheClientCancelled),
    FUSTOR_SCENARIO(AHandlerThatWaitsIsToldThatTheClientHasGone),
    FUSTOR_SCENARIO(AStopTokenEndsAPendingReceive),
    FUSTOR_SCENARIO(DestroyingAStreamCancelsIt),
    FUSTOR_SCENARIO(ADeadlineEndsAStream),
    FUSTOR_SCENARIO(AHandlerCanCancelItsStream),
    FUSTOR_SCENARIO(AMessageOverTheLimitIsRefusedAndTheStreamGoesOn),
};
#undef FUSTOR_SCENARIO

// Names the parameters of a test over (scenario, both sides on one executor).
inline std::string ScenarioName(const testing::TestParamInfo<std::tuple<Scenario, bool>>& info) {
  return std::string(std::get<0>(info.param).name) +
         (std::get<1>(info.param) ? "_OneExecutor" : "_TwoThreads");
}

}  // namespace fustor::transport_contract
