#include "sim/workload.h"

#include <algorithm>
#include <array>

namespace fustor::sim {
namespace {

constexpr std::array<const char*, 14> kNames = {
    "a", "b", "c", "d", "e", "src", "new\nline", "\xff\xfe", " ", "..x", "0", "B", "a.tmp", "z z"};

}  // namespace

Workload::Workload(World& world, FileSystem& fs, WorkloadOptions options)
    : world_(world),
      fs_(fs),
      options_(options),
      prng_(world.Derive(options.mount == 0 ? "workload"
                                            : "workload " + std::to_string(options.mount))) {}

// --- Running -------------------------------------------------------------------------------------

Nanos Workload::Around(Nanos usual) {
  if (prng_.Chance(1, 5)) return Nanos(prng_.Between(0, 20'000));  // In one go.
  if (prng_.Chance(1, 30)) return usual * 20;
  return Nanos(prng_.Between(0, 2 * usual.count()));
}

void Workload::Populate(std::size_t entries) {
  Job job;
  while (fs_.size() < std::min(entries, options_.entries_max)) {
    Fill(&job);
    while (!job.calls.empty()) {
      const auto call = std::move(job.calls.front());
      job.calls.pop_front();
      call(job);
      ++*calls_;
    }
  }
}

void Workload::Start(Instant until) {
  until_ = until;
  StartNext();
}

void Workload::StartNext() {
  if (world_.now() >= until_) return;
  if (running_ < options_.jobs_max) {
    ++running_;
    const auto job = std::make_shared<Job>();
    job->actor = {options_.mount, ++processes_ % 3};
    Fill(job.get());
    Step(job);
  }
  world_.After(Around(options_.job_gap), [this] { StartNext(); });
}

void Workload::Step(const JobPtr& job) {
  if (job->calls.empty()) {
    --running_;
    return;
  }
  world_.After(Around(options_.step_gap), [this, job] {
    const auto call = std::move(job->calls.front());
    job->calls.pop_front();
    call(*job);
    ++*calls_;
    Step(job);
  });
}

// --- Choosing ------------------------------------------------------------------------------------

std::string Workload::Name() {
  if (prng_.Chance(1, 40)) return std::string(255, static_cast<char>('a' + prng_.Below(3)));
  if (prng_.Chance(1, 10)) return "f" + std::to_string(prng_.Below(1000));
  return kNames[prng_.Below(kNames.size())];
}

NodeId Workload::Directory() {
  const std::vector<NodeId>& all = fs_.directories();
  // The first ones are old and busy.
  const std::size_t some = prng_.Chance(1, 2) ? std::min<std::size_t>(all.size(), 5) : all.size();
  return all[prng_.Below(some)];
}

Workload::Spot Workload::Existing() {
  for (int i = 0; i < 5; ++i) {
    const NodeId dir = Directory();
    if (fs_.CountIn(dir) == 0) continue;
    std::vector<std::string> names = fs_.NamesIn(dir);
    std::string& name = names[prng_.Below(names.size())];
    if (name != kNeverTouched) return {dir, std::move(name)};
  }
  return Anywhere();
}

WallTime Workload::SomeTime() {
  switch (prng_.Below(5)) {
    case 0:
      return {0};
    case 1:
      return fs_.Now() + Seconds(prng_.Between(1, 400'000'000));  // The future.
    case 2:
      return fs_.Now() + options_.clock_ahead;  // touch
    default:
      return fs_.Now() - Seconds(prng_.Between(1, 400'000'000));
  }
}

void Workload::Fill(Job* job) {
  const std::uint64_t what = fs_.size() > options_.entries_max ? 19 : prng_.Below(24);
  const Spot at = Anywhere();
  if (options_.links_one_in != 0 && prng_.Chance(1, options_.links_one_in)) {
    const Spot from = Existing();
    return job->Then([this, from, at](Job& j) {
      (void)fs_.Link(j.actor, from.dir, from.name, at.dir, at.name);
    });
  }
  switch (what) {
    case 0:
    case 1:
    case 2:
      return Save(job, at);
    case 3:
    case 4:
      return SaveByRename(job, prng_.Chance(1, 2) ? at : Existing());
    case 5:
    case 6:
      return Append(job, Existing());
    case 7:
      return prng_.Chance(1, 2) ? CopyWithTimes(job, at) : Mirror(job, at);
    case 8:
      return MakeChain(job);
    case 9:
      return Unpack(job, at);
    case 10:
      return CreateAndDelete(job, at);
    case 11:
      return Replace(job, Existing());
    case 12:
      return job->Then(
          [this, at](Job& j) { (void)fs_.MakeDirectory(j.actor, at.dir, at.name, 0755); });
    case 13:
      return job->Then([this, at, target = Name()](Job& j) {
        (void)fs_.MakeSymlink(j.actor, at.dir, at.name, "../" + target);
      });
    case 14:
    case 15:
    case 16:
    case 17:
      return FillWithRename(job);
    case 18:
    case 19:
    case 20:
      return FillWithRemoval(job);
    default:
      return FillWithAttributes(job);
  }
}

void Workload::FillWithRemoval(Job* job) {
  const Spot at = Existing();
  if (fs_.size() > options_.entries_max || prng_.Chance(1, 4)) return RemoveTree(job, at);
  job->Then([this, at](Job& j) {
    if (!fs_.Unlink(j.actor, at.dir, at.name).ok()) {
      (void)fs_.RemoveDirectory(j.actor, at.dir, at.name);
    }
  });
}

void Workload::FillWithRename(Job* job) {
  const std::uint64_t what = prng_.Below(8);
  if (what == 0) return Swap(job);
  if (what == 1) return MoveAwayAndBack(job);
  const Spot from = Existing();
  Spot to = prng_.Chance(1, 3) ? Existing() : Anywhere();
  if (prng_.Chance(1, 2)) to.dir = from.dir;
  job->Then([this, from, to](Job& j) {
    (void)fs_.Rename(j.actor, from.dir, from.name, to.dir, to.name);
  });
  // A chain: what has moved moves on.
  if (what == 2) {
    const Spot next = Anywhere();
    job->Then([this, to, next](Job& j) {
      (void)fs_.Rename(j.actor, to.dir, to.name, next.dir, next.name);
    });
  }
}

void Workload::FillWithAttributes(Job* job) {
  const Spot at = Existing();
  const auto mode = static_cast<std::uint32_t>(prng_.Below(01000));
  switch (prng_.Below(4)) {
    case 0:
      return job->Then([this, at, mode](Job& j) {
        const std::optional<NodeId> node = fs_.Find(at.dir, at.name);
        if (!node || fs_.AttrsOf(*node).kind == EntryKind::kSymlink) return;
        (void)fs_.SetMode(j.actor, at.dir, at.name, mode);
      });
    case 1:
      return job->Then([this, at, mode](Job& j) {
        (void)fs_.SetOwner(j.actor, at.dir, at.name, 1000 + mode % 7, 100 + mode % 3);
      });
    case 2:
      return job->Then([this, at, time = SomeTime()](Job& j) {
        (void)fs_.SetTimes(j.actor, at.dir, at.name, time);
      });
    default:
      return job->Then([this, at, size = Size()](Job& j) {
        (void)fs_.Truncate(j.actor, at.dir, at.name, size);
      });
  }
}

// --- The parts of jobs ---------------------------------------------------------------------------

void Workload::Save(Job* job, const Spot& at) {
  job->Then([this, at](Job& j) { (void)fs_.Create(j.actor, at.dir, at.name, 0644); });
  Append(job, at);
}

// Writes as long as it likes, whatever happens to the name meanwhile.
void Workload::Append(Job* job, const Spot& at) {
  job->Then([this, at](Job& j) {
    const Result<OpenId> file = fs_.Open(at.dir, at.name, j.actor);
    if (!file.ok()) return;
    std::deque<std::function<void(Job&)>> writes;
    for (std::uint64_t n = prng_.Below(prng_.Chance(1, 6) ? 30 : 3); n > 0; --n) {
      writes.emplace_back(
          [this, id = *file, size = Size()](Job& k) { fs_.Write(k.actor, id, size); });
    }
    writes.emplace_back([this, id = *file](Job& k) { fs_.Close(k.actor, id); });
    j.calls.insert(j.calls.begin(), writes.begin(), writes.end());
  });
}

void Workload::SaveByRename(Job* job, const Spot& at) {
  const Spot temporary{at.dir, at.name.substr(0, 200) + ".new"};
  Save(job, temporary);
  job->Then([this, temporary, at](Job& j) {
    (void)fs_.Rename(j.actor, temporary.dir, temporary.name, at.dir, at.name);
  });
}

void Workload::CopyWithTimes(Job* job, const Spot& at) {
  Save(job, at);
  job->Then([this, at, time = SomeTime()](Job& j) {
    (void)fs_.SetTimes(j.actor, at.dir, at.name, time);
  });
}

// rsync -a: under another name first, with its old times, then over the old one.
void Workload::Mirror(Job* job, const Spot& at) {
  const Spot temporary{at.dir, "." + at.name.substr(0, 200) + ".Xq3fZ1"};
  CopyWithTimes(job, temporary);
  job->Then([this, temporary, at](Job& j) {
    (void)fs_.Rename(j.actor, temporary.dir, temporary.name, at.dir, at.name);
  });
}

// mkdir -p a/b/c, and a file at its end.
void Workload::MakeChain(Job* job) {
  auto at = std::make_shared<NodeId>(Directory());
  for (std::uint64_t n = 2 + prng_.Below(4); n > 0; --n) {
    job->Then([this, at, name = Name()](Job& j) {
      const Result<NodeId> made = fs_.MakeDirectory(j.actor, *at, name, 0755);
      if (made.ok()) *at = *made;
    });
  }
  job->Then([this, at](Job& j) { Save(&j, {*at, Name()}); });
}

// An archive: directories with files that are written at once and get old times.
void Workload::Unpack(Job* job, const Spot& at) {
  job->Then([this, at](Job& j) {
    const Result<NodeId> top = fs_.MakeDirectory(j.actor, at.dir, at.name, 0755);
    if (!top.ok()) return;
    std::vector<NodeId> dirs = {*top};
    for (std::uint64_t n = prng_.Below(40); n > 0; --n) {
      const NodeId dir = dirs[prng_.Below(dirs.size())];
      if (prng_.Chance(1, 5)) {
        const Result<NodeId> made = fs_.MakeDirectory(j.actor, dir, Name(), 0755);
        if (made.ok()) dirs.push_back(*made);
      } else {
        CopyWithTimes(&j, {dir, Name()});
      }
    }
  });
}

void Workload::RemoveTree(Job* job, const Spot& at) {
  job->Then([this, at](Job& j) { RemoveFound(&j, at); });
}

// rm -rf: what is found now is removed, and then the directory. Children first.
void Workload::RemoveFound(Job* job, const Spot& at) {
  const std::optional<NodeId> node = fs_.Find(at.dir, at.name);
  if (!node) return;
  std::deque<std::function<void(Job&)>> steps;
  if (!fs_.AttrsOf(*node).is_directory()) {
    steps.emplace_back([this, at](Job& j) { (void)fs_.Unlink(j.actor, at.dir, at.name); });
  } else {
    for (const std::string& name : fs_.NamesIn(*node)) {
      steps.emplace_back([this, dir = *node, name](Job& j) { RemoveFound(&j, {dir, name}); });
    }
    steps.emplace_back([this, at](Job& j) { (void)fs_.RemoveDirectory(j.actor, at.dir, at.name); });
  }
  job->calls.insert(job->calls.begin(), steps.begin(), steps.end());
}

void Workload::Swap(Job* job) {
  const Spot one = Existing();
  const Spot two = Existing();
  const Spot between{one.dir, "swap"};
  const auto move = [this, job](const Spot& from, const Spot& to) {
    job->Then([this, from, to](Job& j) {
      (void)fs_.Rename(j.actor, from.dir, from.name, to.dir, to.name);
    });
  };
  move(one, between);
  move(two, one);
  move(between, two);
}

void Workload::MoveAwayAndBack(Job* job) {
  const Spot at = Existing();
  const Spot away = Anywhere();
  job->Then([this, at, away](Job& j) {
    (void)fs_.Rename(j.actor, at.dir, at.name, away.dir, away.name);
  });
  job->Then([this, at, away](Job& j) {
    (void)fs_.Rename(j.actor, away.dir, away.name, at.dir, at.name);
  });
}

void Workload::CreateAndDelete(Job* job, const Spot& at) {
  const auto remove = [this, at](Job& j) { (void)fs_.Unlink(j.actor, at.dir, at.name); };
  Save(job, at);
  job->Then(remove);
  if (prng_.Chance(1, 2)) return;
  Save(job, at);
  if (prng_.Chance(1, 2)) job->Then(remove);
}

// A directory where a file was, or the other way round.
void Workload::Replace(Job* job, const Spot& at) {
  RemoveTree(job, at);
  job->Then([this, at](Job& j) {
    if (prng_.Chance(1, 2)) {
      Save(&j, at);
    } else if (fs_.MakeDirectory(j.actor, at.dir, at.name, 0700).ok()) {
      const std::optional<NodeId> dir = fs_.Find(at.dir, at.name);
      Save(&j, {*dir, Name()});
    }
  });
}

}  // namespace fustor::sim
