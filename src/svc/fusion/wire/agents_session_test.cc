// The messages of a session between an agent and Fusion, there and back.
#include <gtest/gtest.h>

#include "svc/agent/wire/report.h"
#include "svc/fusion/wire/agents.h"
#include "svc/fusion/wire/agents_testing.h"

namespace fustor::fusion {
namespace {

TEST(Session, MessagesDecodeToWhatWasEncoded) {
  ExpectHolds(DecodeSessionRequest(agent::EncodeSessionRequest(kRequest)), kRequest);
  ExpectHolds(agent::DecodeSessionGrant(EncodeSessionGrant(kGrant)), kGrant);
  ExpectHolds(DecodeHeartbeat(agent::EncodeHeartbeat(kHeartbeat)), kHeartbeat);
  ExpectHolds(agent::DecodeHeartbeatAnswer(EncodeHeartbeatAnswer(kHeartbeatAnswer)),
              kHeartbeatAnswer);
  ExpectHolds(agent::DecodeReportAnswer(EncodeReportAnswer(kReportAnswer)), kReportAnswer);
  ExpectHolds(DecodeCloseSession(agent::EncodeCloseSession("s-1")), std::string("s-1"));
  ExpectHolds(DecodeReportStart(agent::EncodeReportStart("s-1")), std::string("s-1"));
  EXPECT_EQ(EncodeCloseAnswer(), "");
}

// A name of a file or pipe, or a sentence about one: the message is not lost for it.
TEST(Session, TextsThatAreNotUtf8ArriveAsTheyArePrinted) {
  batch::HeartbeatAnswer answer;
  answer.commands.push_back({"stop_pipe", "/\xFF", true, "job", "p\xFF", "\xFF"});
  const auto heard = agent::DecodeHeartbeatAnswer(EncodeHeartbeatAnswer(answer));
  ASSERT_TRUE(heard.ok()) << heard.status().ToString();
  answer.commands[0].name = "p\\xff";
  EXPECT_EQ(*heard, answer);
  const auto report =
      DecodeConfigReport(agent::EncodeConfigReport("s", {"a\xFF.yaml", "\xFF", "no \xFF"}));
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_EQ(report->second, (batch::ConfigReport{"a\\xff.yaml", "\xFF", "no \\xff"}));
}

TEST(Session, MalformedMessagesNameTheField) {
  const auto field_of = [](const auto& result) {
    EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
    return result.status().message().substr(0, result.status().message().find(':'));
  };
  batch::SessionRequest request = kRequest;
  request.task_id.clear();
  EXPECT_EQ(field_of(DecodeSessionRequest(agent::EncodeSessionRequest(request))), "task_id");
  request = kRequest;
  request.timeout = Nanos(-1);
  EXPECT_EQ(field_of(DecodeSessionRequest(agent::EncodeSessionRequest(request))),
            "session_timeout_seconds");
  request = kRequest;
  request.capabilities.push_back(std::string(2000, 'c'));
  EXPECT_EQ(field_of(DecodeSessionRequest(agent::EncodeSessionRequest(request))), "capabilities");
  EXPECT_EQ(field_of(DecodeHeartbeat("")), "session_id");
  EXPECT_EQ(field_of(DecodeCloseSession("")), "session_id");
  EXPECT_EQ(field_of(DecodeReportStart("")), "session_id");
  EXPECT_EQ(field_of(agent::DecodeHeartbeatAnswer("")), "role");
  batch::ReportAnswer answer = kReportAnswer;
  answer.commands[0].path = "not/normal";
  EXPECT_EQ(field_of(agent::DecodeReportAnswer(EncodeReportAnswer(answer))), "commands.path");
  batch::SessionGrant grant = kGrant;
  grant.session_id.clear();
  EXPECT_EQ(field_of(agent::DecodeSessionGrant(EncodeSessionGrant(grant))), "session_id");
}

TEST(Session, NoBytesCrashIt) {
  const std::string good[] = {
      agent::EncodeSessionRequest(kRequest),
      agent::EncodeHeartbeat(kHeartbeat),
      EncodeSessionGrant(kGrant),
      EncodeHeartbeatAnswer(kHeartbeatAnswer),
      EncodeReportAnswer(kReportAnswer),
      agent::EncodeReportStart("s"),
  };
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    Prng prng(seed);
    const std::string bytes = Mutate(good[prng.Below(std::size(good))], prng);
    (void)DecodeSessionRequest(bytes);
    (void)DecodeHeartbeat(bytes);
    (void)DecodeCloseSession(bytes);
    (void)DecodeReportStart(bytes);
    (void)agent::DecodeSessionGrant(bytes);
    (void)agent::DecodeHeartbeatAnswer(bytes);
    (void)agent::DecodeReportAnswer(bytes);
  }
}

}  // namespace
}  // namespace fustor::fusion
