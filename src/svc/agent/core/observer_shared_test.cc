// One observer and several subscribers with sessions, roles and paces of their own, while the tree
// changes: whatever the others do, each view becomes the truth.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "svc/agent/core/toy_work_testing.h"

namespace fustor::agent {
namespace {

class SharedRun {
 public:
  struct Subscriber {
    std::unique_ptr<Bus> bus;
    Observer::SubscriberId id = 0;
    ToyView view;
    bool follows = false;     // Reports only what happens, to a view that was right when it began.
    std::uint64_t pace = 10;  // Takes in one of so many of its turns.
    std::uint64_t jobs = 0;
    std::uint64_t jobs_ended = 0;
    std::uint64_t losses = 0;
  };

  SharedRun(std::uint64_t seed, bool halves, std::size_t ring_bytes)
      : prng_(seed),
        fs_(prng_, halves),
        ring_({.bytes_max = ring_bytes}),
        observer_(OptionsOf(), ring_) {
    for (int i = 0; i < 40; ++i) fs_.RandomOperation();
  }

  Subscriber& Subscribe() {
    auto one = std::make_unique<Subscriber>();
    Bus::Options options;
    options.scan_bytes_max = 1'000 + prng_.Below(3'000);
    options.batch_rows_max = 1 + prng_.Below(20);
    one->bus = std::make_unique<Bus>(options, ring_);
    one->id = observer_.Subscribe(*one->bus);
    one->pace = 1 + prng_.Below(12);
    Lead(one.get());
    subscribers_.push_back(std::move(one));
    return *subscribers_.back();
  }
  void Unsubscribe(std::size_t at) {
    observer_.Unsubscribe(subscribers_.at(at)->id);
    subscribers_.erase(subscribers_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  // A new session, as a leader.
  void Lead(Subscriber* one) {
    observer_.Pause(one->id);
    one->bus->Open();
    one->view = {};
    one->follows = false;
    one->jobs = one->jobs_ended = 0;
    observer_.StartScan(one->id);
  }
  // REQUIRES: at rest.
  void Follow(Subscriber* one) {
    one->follows = true;
    observer_.StartWatching(one->id);
    Rest();
  }
  void Close(Subscriber* one) {
    observer_.Pause(one->id);
    one->bus->Close();
  }
  void Play(int steps) {
    for (int i = 0; i < steps; ++i) Step(/*change=*/true);
  }
  void Rest() {
    work_.Ask(now_);
    for (int i = 0; i < 400'000 && !AtRest(); ++i) Step(/*change=*/false);
    ASSERT_TRUE(AtRest()) << "it never came to rest";
  }
  void ExpectTruth() {
    const std::string truth = Print(fs_.Truth({}));
    for (const auto& one : subscribers_) {
      if (!one->bus->is_open()) continue;
      // What a follower has lost is for the leader of its view to find.
      if (one->follows && one->losses != 0) continue;
      EXPECT_EQ(Print(one->view.rows()), truth)
          << "subscriber " << one->id << (one->follows ? " follows" : " leads");
      EXPECT_EQ(one->jobs, one->jobs_ended);
    }
  }
  Subscriber& Any() { return *subscribers_[prng_.Below(subscribers_.size())]; }
  void Audit(Subscriber* one) { (void)observer_.StartAudit(one->id); }
  void Job(Subscriber* one) {
    observer_.StartJob("job-" + std::to_string(++one->jobs), AnyToyPath(&prng_), prng_.Chance(1, 2),
                       one->id);
  }

  Prng& prng() { return prng_; }
  const Ring& ring() const { return ring_; }
  const Observer& observer() const { return observer_; }
  std::uint64_t listed() const { return work_.listed(); }
  std::vector<std::unique_ptr<Subscriber>>& subscribers() { return subscribers_; }

 private:
  static Observer::Options OptionsOf() {
    Observer::Options options;
    options.full_every = 3;
    options.lists_in_flight_max = 8;
    return options;
  }
  bool AtRest() const {
    for (const auto& one : subscribers_) {
      if (!one->bus->empty()) return false;
    }
    return fs_.quiet() && work_.empty() && !observer_.scanning() && observer_.job_count() == 0 &&
           !observer_.NextDue();
  }
  void TakeSome() {
    for (const auto& one : subscribers_) {
      if (!prng_.Chance(1, one->pace)) continue;
      std::optional<batch::Batch> batch = one->bus->Take(observer_.dirs());
      if (!batch) continue;
      const bool job = batch->source == batch::Source::kJob;
      one->jobs_ended += job && batch->mark == batch::ScanMark::kEnd ? 1 : 0;
      one->losses += batch->lost_events ? 1 : 0;
      one->view.Apply(*batch);
    }
  }
  void Step(bool change) {
    now_ = now_ + Millis(prng_.Below(change ? 20 : 100));
    switch (prng_.Below(change ? 7 : 5)) {
      case 0:
        observer_.OnEvents(fs_.TakeEvents(1 + prng_.Below(6)), now_);
        break;
      case 1:
        work_.StepList(now_);
        break;
      case 2:
        work_.StepStat(now_);
        break;
      case 3:
        TakeSome();
        break;
      case 4:
        observer_.Tick(now_);
        break;
      default:
        fs_.RandomOperation();
    }
    work_.Ask(now_);
  }

  Prng prng_;
  Instant now_{1'000'000'000};
  ToyFs fs_;
  Ring ring_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  Observer observer_;
  ToyWork work_{prng_, fs_, observer_};
};

// FUSTOR_OBSERVER_SEEDS=3000 looks further, FUSTOR_OBSERVER_SEED=7 at one.
template <class Body>
void ForSeeds(const Body& body) {
  const char* text = std::getenv("FUSTOR_OBSERVER_SEEDS");
  const char* one = std::getenv("FUSTOR_OBSERVER_SEED");
  const std::uint64_t first = one == nullptr ? 1 : std::strtoull(one, nullptr, 10);
  const std::uint64_t count = text == nullptr ? 250 : std::strtoull(text, nullptr, 10);
  const std::uint64_t last = one == nullptr ? count : first;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    body(seed);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(SharedObserver, EveryLeaderSeesTheTruth) {
  ForSeeds([](std::uint64_t seed) {
    SharedRun run(seed, seed % 2 == 0, 64 << 20);
    run.Subscribe();
    run.Play(static_cast<int>(run.prng().Below(200)));
    run.Subscribe();
    if (seed % 3 == 0) run.Subscribe();
    for (int i = 0; i < 40; ++i) {
      run.Play(static_cast<int>(run.prng().Below(30)));
      SharedRun::Subscriber& one = run.Any();
      const std::uint64_t dice = run.prng().Below(12);
      if (dice < 2) run.Lead(&one);
      if (dice >= 2 && dice < 5) run.Audit(&one);
      if (dice >= 5 && dice < 7 && one.bus->is_open()) run.Job(&one);
      if (dice == 7) run.Close(&one);
      if (dice == 8 && run.subscribers().size() > 2) run.Unsubscribe(0);
    }
    for (auto& one : run.subscribers()) {
      if (!one->bus->is_open()) run.Lead(one.get());
    }
    run.Rest();
    run.ExpectTruth();
  });
}

// What the scans of others find before its event is read is announced to those who do not scan.
TEST(SharedObserver, AFollowerMissesNothing) {
  std::uint64_t followed = 0;
  ForSeeds([&](std::uint64_t seed) {
    SharedRun run(seed, seed % 2 == 0, 64 << 20);
    SharedRun::Subscriber& follower = run.Subscribe();
    SharedRun::Subscriber& leader = run.Subscribe();
    run.Rest();
    run.Follow(&follower);
    for (int i = 0; i < 20; ++i) {
      run.Play(static_cast<int>(run.prng().Below(60)));
      const std::uint64_t dice = run.prng().Below(6);
      if (dice == 0) run.Lead(&leader);
      if (dice == 1) run.Audit(&leader);
      if (dice == 2) run.Job(&leader);
    }
    run.Rest();
    run.ExpectTruth();
    followed += follower.losses == 0 ? 1 : 0;
  });
  if (std::getenv("FUSTOR_OBSERVER_SEED") == nullptr) EXPECT_GT(followed, 100u);
}

// A ring so small that the slow are split off, and lose their place: they see the truth all the
// same, and the quick ones never notice.
TEST(SharedObserver, WhoIsSlowLosesItsPlaceAndHealsAlone) {
  std::uint64_t splits = 0;
  std::uint64_t losses = 0;
  ForSeeds([&](std::uint64_t seed) {
    SharedRun run(seed, seed % 2 == 0, 12'000);
    SharedRun::Subscriber& slow = run.Subscribe();
    SharedRun::Subscriber& quick = run.Subscribe();
    slow.pace = 100 + run.prng().Below(1'000);
    quick.pace = 1;
    run.Play(2'000);
    slow.pace = 1;
    run.Rest();
    run.ExpectTruth();
    splits += run.ring().splits();
    losses += slow.losses;
    EXPECT_EQ(run.ring().bytes(), 0u);
  });
  if (std::getenv("FUSTOR_OBSERVER_SEED") != nullptr) return;
  EXPECT_GT(splits, 10u);
  EXPECT_GT(losses, 10u);
}

// Scans that begin together read each directory once; one whose bus is full holds up nobody.
TEST(SharedObserver, ScansThatGoTogetherListOnce) {
  SharedRun run(5, false, 64 << 20);
  SharedRun::Subscriber& one = run.Subscribe();
  one.pace = 1;
  SharedRun::Subscriber& two = run.Subscribe();
  two.pace = 1;
  run.Rest();
  run.ExpectTruth();
  const std::uint64_t together = run.listed();
  run.Close(&two);
  run.Lead(&one);
  run.Rest();
  const std::uint64_t alone = run.listed() - together;
  EXPECT_LE(together, alone + alone / 2) << "of " << alone;

  run.Lead(&two);
  two.pace = 1'000'000'000;  // Dead, with a session.
  run.Lead(&one);
  run.Play(50);
  for (int i = 0; i < 20'000 && run.observer().scanning(one.id); ++i) run.Play(1);
  EXPECT_FALSE(run.observer().scanning(one.id)) << "one is done while two stands still";
  two.pace = 1;
  run.Rest();
  run.ExpectTruth();
}

}  // namespace
}  // namespace fustor::agent
