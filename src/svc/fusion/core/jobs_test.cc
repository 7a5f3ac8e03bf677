#include "svc/fusion/core/jobs.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace fustor::fusion {
namespace {

Jobs::Time At(std::int64_t seconds) {
  return {Instant{seconds * 1'000'000'000}, WallTime::FromParts(seconds, 0)};
}
Jobs::Target TargetOf(std::uint64_t session, const std::string& task) {
  return {SessionKey{session}, "pipe\n" + task, task};
}
constexpr SessionKey kA{1};
constexpr SessionKey kB{2};

struct Rig {
  explicit Rig(Jobs::Options options = {}) : jobs(options) {}
  // "" when it is refused.
  std::string Start(const std::string& path, bool recursive = true, std::int64_t at = 0) {
    const auto job = jobs.Start("id" + std::to_string(++ids), "v", path, recursive,
                                {TargetOf(1, "a"), TargetOf(2, "b")}, At(at));
    return job.ok() ? (*job)->id : "";
  }
  std::string Take(SessionKey session) {
    std::string text;
    for (const batch::Command& c : jobs.Take(session)) {
      EXPECT_EQ(c.kind, "scan");
      text += c.job_id + " " + c.path + (c.recursive ? "/** " : " ");
    }
    return text;
  }
  // "RUNNING 1/2"
  std::string Of(const std::string& id) {
    const Jobs::Job* job = jobs.Find(id);
    if (job == nullptr) return "forgotten";
    return std::string(JobStateName(job->state)) + " " + std::to_string(job->ended_parts()) + "/" +
           std::to_string(job->parts.size()) + (job->error.empty() ? "" : " " + job->error);
  }

  Jobs jobs;
  int ids = 0;
};

TEST(Jobs, AskedOnceEndedByAll) {
  Rig rig;
  const std::string id = rig.Start("/x");
  EXPECT_EQ(rig.Of(id), "PENDING 0/2");
  EXPECT_EQ(rig.Take(kA), id + " /x/** ");
  EXPECT_EQ(rig.Take(kA), "");
  EXPECT_EQ(rig.Of(id), "RUNNING 0/2");
  rig.jobs.Ended(kA, id, "", At(1));
  rig.jobs.Ended(kA, id, "again", At(1));
  rig.jobs.Ended(kA, "unknown", "", At(1));
  EXPECT_EQ(rig.Of(id), "RUNNING 1/2");
  EXPECT_EQ(rig.jobs.Find(id)->percentage(), 50);
  rig.jobs.Ended(kB, id, "is not there", At(2));
  EXPECT_EQ(rig.Of(id), "COMPLETED 2/2") << "one has looked";
  EXPECT_EQ(rig.jobs.Find(id)->completed_at->ns, At(2).wall.ns);
  EXPECT_EQ(rig.Take(kB), "");
}

TEST(Jobs, AllFail) {
  Rig rig;
  const std::string id = rig.Start("/x");
  rig.jobs.Ended(kB, id, "is not there", At(1));
  rig.jobs.SessionEnded(kA, false, "closed", At(2));
  EXPECT_EQ(rig.Of(id), "FAILED 2/2 b: is not there");
}

TEST(Jobs, TimedOutSessionsExpireTheirParts) {
  Rig rig;
  const std::string id = rig.Start("/x");
  rig.jobs.SessionEnded(kA, true, "no heartbeat", At(1));
  EXPECT_EQ(rig.Of(id), "PENDING 1/2 a: the session ended: no heartbeat");
  rig.jobs.SessionEnded(kB, true, "no heartbeat", At(1));
  EXPECT_EQ(rig.Of(id), "EXPIRED 2/2 a: the session ended: no heartbeat");
}

TEST(Jobs, JoinsWhatLooksAtLeastAsDeep) {
  Rig rig;
  const std::string deep = rig.Start("/x");
  EXPECT_EQ(rig.Start("/x"), deep);
  EXPECT_EQ(rig.Start("/x", false), deep);
  EXPECT_NE(rig.Start("/y"), deep);
  const std::string flat = rig.Start("/z", false);
  EXPECT_NE(rig.Start("/z", true), flat);
  rig.jobs.Ended(kA, deep, "", At(1));
  rig.jobs.Ended(kB, deep, "", At(1));
  EXPECT_NE(rig.Start("/x"), deep) << "it has ended";
}

TEST(Jobs, AskedAgainAfterACutAndInANewSession) {
  Rig rig;
  const std::string id = rig.Start("/x");
  EXPECT_NE(rig.Take(kA), "");
  rig.jobs.AskAgain(kA);
  EXPECT_NE(rig.Take(kA), "");
  const SessionKey next{3};
  rig.jobs.SessionStarted(next, "pipe\na");
  rig.jobs.SessionEnded(kA, false, "replaced", At(1));
  EXPECT_EQ(rig.Of(id), "RUNNING 0/2") << "the newer one has it";
  EXPECT_NE(rig.Take(next), "");
  rig.jobs.Ended(kA, id, "", At(1));
  EXPECT_EQ(rig.Of(id), "RUNNING 0/2") << "the older one is nobody now";
  rig.jobs.Ended(next, id, "", At(1));
  rig.jobs.SessionEnded(next, false, "closed", At(1));
  const SessionKey later{4};
  rig.jobs.SessionStarted(later, "pipe\na");
  EXPECT_EQ(rig.Take(later), "") << "it has done its part";
  rig.jobs.SessionStarted(SessionKey{5}, "pipe\nother");
  EXPECT_EQ(rig.Take(SessionKey{5}), "");
}

TEST(Jobs, SilenceEndsThemAndTheyAreForgotten) {
  Rig rig({.silence_max = Seconds(10), .kept_for = Seconds(20)});
  const std::string heard = rig.Start("/x");
  const std::string silent = rig.Start("/y");
  rig.Take(kA);
  rig.jobs.Ended(kB, silent, "", At(1));
  rig.jobs.Ended(kB, heard, "", At(8));
  EXPECT_EQ(rig.jobs.NextExpiry()->ns, At(11).now.ns);
  rig.jobs.Tick(At(11));
  EXPECT_EQ(rig.Of(silent), "EXPIRED 2/2 nothing was heard of it");
  EXPECT_EQ(rig.Of(heard), "RUNNING 1/2");
  rig.jobs.Heard(kA, At(17).now);
  rig.jobs.Tick(At(26));
  EXPECT_EQ(rig.Of(heard), "RUNNING 1/2");
  rig.jobs.Tick(At(27));
  EXPECT_EQ(rig.Of(heard), "EXPIRED 2/2 nothing was heard of it");
  rig.jobs.Tick(At(31));
  EXPECT_EQ(rig.Of(silent), "forgotten");
  EXPECT_EQ(rig.jobs.Of("v").size(), 1u);
  rig.jobs.Tick(At(100));
  EXPECT_EQ(rig.jobs.NextExpiry(), std::nullopt);
}

TEST(Jobs, Bounded) {
  Rig rig({.open_max = 3, .jobs_max = 4});
  std::vector<std::string> ids;
  for (const char* path : {"/1", "/2", "/3"}) ids.push_back(rig.Start(path));
  EXPECT_EQ(rig.Start("/4"), "");
  EXPECT_EQ(rig.jobs.Start("x", "v", "/4", true, {}, At(0)).status().code(), Code::kUnavailable);
  for (const std::string& id : ids) {
    rig.jobs.Ended(kA, id, "", At(1));
    rig.jobs.Ended(kB, id, "", At(1));
  }
  EXPECT_NE(rig.Start("/5"), "");
  EXPECT_NE(rig.Start("/6"), "");
  EXPECT_EQ(rig.Of(ids[0]), "forgotten") << "the oldest makes room";
  EXPECT_EQ(rig.Of(ids[1]), "COMPLETED 2/2");
}

// Whatever comes in whatever order: a job is open exactly while a part of it is.
TEST(Jobs, AnyOrder) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng prng(seed);
    Rig rig({.open_max = 4, .jobs_max = 8, .silence_max = Seconds(50), .kept_for = Seconds(50)});
    std::uint64_t sessions = 2;
    std::uint64_t of_task[2] = {1, 2};
    for (std::int64_t now = 0; now < 200; ++now) {
      const std::size_t task = prng.Below(2);
      const SessionKey session{of_task[task]};
      switch (prng.Below(7)) {
        case 0:
          rig.jobs
              .Start("id" + std::to_string(++rig.ids), "v", "/" + std::to_string(prng.Below(5)),
                     prng.Chance(1, 2), {TargetOf(of_task[0], "a"), TargetOf(of_task[1], "b")},
                     At(now))
              .ok();
          break;
        case 1:
          rig.Take(session);
          break;
        case 2: {
          const std::uint64_t old = std::exchange(of_task[task], ++sessions);
          rig.jobs.SessionStarted(SessionKey{sessions}, task == 0 ? "pipe\na" : "pipe\nb");
          rig.jobs.SessionEnded(SessionKey{old}, prng.Chance(1, 2), "gone", At(now));
          break;
        }
        case 3:
          rig.jobs.AskAgain(session);
          break;
        case 4:
          rig.jobs.Tick(At(now));
          break;
        default:
          for (const Jobs::Job* job : rig.jobs.Of("v")) {
            const std::string one = job->id;
            if (!prng.Chance(1, 3)) continue;
            rig.jobs.Ended(session, one, prng.Chance(1, 3) ? "no" : "", At(now));
            break;
          }
      }
      std::size_t open = 0;
      for (const Jobs::Job* job : rig.jobs.Of("v")) {
        ASSERT_EQ(job->open(), job->ended_parts() != job->parts.size());
        ASSERT_EQ(job->open(), !job->completed_at.has_value());
        open += job->open() ? 1 : 0;
      }
      ASSERT_EQ(open, rig.jobs.open_count());
      ASSERT_LE(open, 4u);
      ASSERT_LE(rig.jobs.Of("v").size(), 8u);
    }
  }
}

}  // namespace
}  // namespace fustor::fusion
