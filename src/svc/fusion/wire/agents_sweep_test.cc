// Sweeps, and what an agent says of its scans, on the wire.
#include <gtest/gtest.h>

#include "svc/agent/wire/report.h"
#include "svc/fusion/wire/agents.h"
#include "svc/fusion/wire/agents_testing.h"
#include "svc/fusion/wire/golden_testing.h"

namespace fustor::fusion {
namespace {

const std::vector<batch::Sighting> kSightings = {{"/a/\xFE", -5, 0, 9},
                                                 {"/b", 77, 1'000'000'000'000, 0}};

batch::SessionRequest Careful(double fraction) {
  batch::SessionRequest request = kRequest;
  request.delete_fraction_max = fraction;
  return request;
}

TEST(Sweep, MessagesDecodeToWhatWasEncoded) {
  const std::vector<std::string> paths = {"/a/\xFE", "/b"};
  ExpectHolds(DecodeListSuspects(agent::EncodeListSuspects("s-1")), std::string("s-1"));
  ExpectHolds(agent::DecodeSuspects(EncodeSuspects(paths)), paths);
  ExpectHolds(agent::DecodeSweepAnswer(EncodeSweepAnswer(paths)), paths);
  const Result<SweepReport> sweep = DecodeSweep(agent::EncodeSweep("s-1", kSightings));
  ASSERT_TRUE(sweep.ok());
  EXPECT_EQ(sweep->session_id, "s-1");
  EXPECT_EQ(sweep->sightings, kSightings);
  EXPECT_FALSE(sweep->again);
  EXPECT_TRUE(DecodeSweep(agent::EncodeSweep("s-1", kSightings, true))->again);
  ExpectHolds(DecodeSessionRequest(agent::EncodeSessionRequest(Careful(0.25))), Careful(0.25));
}

TEST(Sweep, MalformedMessagesNameTheField) {
  const auto field_of = [](const auto& result) {
    EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
    return result.status().message().substr(0, result.status().message().find(':'));
  };
  for (const double fraction : {-0.1, 1.5}) {
    EXPECT_EQ(field_of(DecodeSessionRequest(agent::EncodeSessionRequest(Careful(fraction)))),
              "max_delete_fraction");
  }
  EXPECT_EQ(field_of(DecodeSweep(agent::EncodeSweep("", {}))), "session_id");
  EXPECT_EQ(field_of(DecodeSweep(agent::EncodeSweep("s", {{"not/normal", 0, 0, 0}}))),
            "sightings.path");
  EXPECT_EQ(field_of(DecodeSweep(agent::EncodeSweep("s", {{"/a", 0, -1, 0}}))), "sightings.size");
  EXPECT_EQ(field_of(DecodeSweep(agent::EncodeSweep(
                "s", std::vector<batch::Sighting>(1001, batch::Sighting{"/a", 0, 0, 0})))),
            "sightings");
  EXPECT_EQ(field_of(agent::DecodeSuspects(EncodeSuspects({"a"}))), "paths");
}

TEST(Sweep, NoBytesCrashIt) {
  const std::string good[] = {agent::EncodeSweep("s", kSightings), EncodeSuspects({"/a", "/b"})};
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    Prng prng(seed);
    const std::string bytes = Mutate(good[prng.Below(std::size(good))], prng);
    (void)DecodeSweep(bytes);
    (void)DecodeListSuspects(bytes);
    (void)agent::DecodeSuspects(bytes);
    (void)agent::DecodeSweepAnswer(bytes);
  }
}

TEST(Sweep, RecordedMessagesStillMeanTheSame) {
  ExpectHolds(DecodeSessionRequest(Golden(FUSTOR_GOLDEN_DIR "/agents/session_request_careful.bin",
                                          agent::EncodeSessionRequest(Careful(0.25)))),
              Careful(0.25));
  const Result<SweepReport> sweep = DecodeSweep(
      Golden(FUSTOR_GOLDEN_DIR "/agents/sweep.bin", agent::EncodeSweep("s-1", kSightings)));
  ASSERT_TRUE(sweep.ok());
  EXPECT_EQ(sweep->sightings, kSightings);
}

}  // namespace
}  // namespace fustor::fusion
