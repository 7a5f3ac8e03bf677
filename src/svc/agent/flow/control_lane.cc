#include "svc/agent/flow/control_lane.h"

#include <algorithm>
#include <stop_token>
#include <utility>

#include "env/task_group.h"

namespace fustor::agent {
namespace {

// Faster beats help nobody, whatever the session's time is.
constexpr Nanos kBeatIntervalMin = Millis(100);
constexpr std::size_t kAcknowledgedMax = 256;

}  // namespace

struct ControlLane::Inbox {
  bool alive = true;
  bool telling = false;
  std::function<void(News)> on_news;
};

struct ControlLane::Side : std::enable_shared_from_this<Side> {
  Side(env::Executor& d, env::Executor& c, FusionLink& l, Logger g, std::shared_ptr<Inbox> i)
      : data(d), control(c), link(l), log(std::move(g)), inbox(std::move(i)), tasks(c), closer(c) {}

  using Grant = Result<batch::SessionGrant>;

  env::Task<void> Open(batch::SessionRequest request, env::Completion<Grant>::Resolver resolve) {
    Grant grant = co_await link.Open(std::move(request));
    resolve(std::move(grant));
  }

  env::Task<void> Close(std::string session_id, env::Completion<Status>::Resolver resolve) {
    Status closed = co_await link.Close(std::move(session_id));
    resolve(std::move(closed));
  }

  env::Task<void> TellConfig(std::string session_id, batch::ConfigReport report) {
    const Status told = co_await link.TellConfig(std::move(session_id), std::move(report));
    if (!told.ok()) log.Info("configuration not told", {{"error", told.message()}});
  }

  env::Task<void> Beat(std::uint64_t session, std::string session_id, Nanos interval,
                       batch::Role role, std::stop_token stop);
  env::Task<Result<batch::HeartbeatAnswer>> BeatOnce(std::string session_id, Nanos patience);
  bool OnAnswer(std::uint64_t session, const Result<batch::HeartbeatAnswer>& answer,
                batch::Role* role, bool* failing);

  void Send(News news) {
    data.Post([to = inbox, news = std::move(news)]() mutable {
      if (to->alive) to->on_news(std::move(news));
    });
  }

  // Resolves in a turn of its own: the tasks' frames must be gone before the lane is.
  env::Task<void> JoinAll(std::shared_ptr<Side> self, env::Completion<bool>::Resolver resolve) {
    co_await tasks.Join();
    control.Post([self = std::move(self), resolve] { resolve(true); });
  }

  env::Executor& data;
  env::Executor& control;
  FusionLink& link;
  const Logger log;
  const std::shared_ptr<Inbox> inbox;
  bool abandoned = false;
  Vitals vitals;
  std::vector<std::string> to_acknowledge;  // Of the session that beats.
  std::stop_source beating;
  std::uint64_t beat_count = 0;
  env::TaskGroup tasks;
  env::TaskGroup closer;
};

env::Task<Result<batch::HeartbeatAnswer>> ControlLane::Side::BeatOnce(std::string session_id,
                                                                      Nanos patience) {
  batch::Heartbeat beat;
  beat.session_id = std::move(session_id);
  beat.can_realtime = vitals.can_realtime;
  beat.state = vitals.state;
  beat.rows_sent = vitals.rows_sent;
  beat.acknowledged_commands = to_acknowledge;
  const std::size_t acknowledged = to_acknowledge.size();
  const std::uint64_t number = ++beat_count;
  const env::Executor::TimerId timer =
      control.PostAt(control.clock().Now() + patience, [weak = weak_from_this(), number] {
        const std::shared_ptr<Side> side = weak.lock();
        if (side && !side->abandoned && side->beat_count == number) side->link.CancelCalls();
      });
  Result<batch::HeartbeatAnswer> answer = co_await link.Beat(std::move(beat));
  ++beat_count;
  control.CancelTimer(timer);
  if (answer.ok()) {
    const auto told = std::min(acknowledged, to_acknowledge.size());
    to_acknowledge.erase(to_acknowledge.begin(),
                         to_acknowledge.begin() + static_cast<std::ptrdiff_t>(told));
  }
  co_return answer;
}

env::Task<void> ControlLane::Side::Beat(std::uint64_t session, std::string session_id,
                                        Nanos interval, batch::Role role, std::stop_token stop) {
  bool failing = false;
  Instant due = control.clock().Now() + interval;
  for (;;) {
    const Status slept = co_await env::SleepUntil(due, stop);
    if (!slept.ok()) co_return;
    due = control.clock().Now() + interval;
    const Result<batch::HeartbeatAnswer> answer = co_await BeatOnce(session_id, interval);
    if (stop.stop_requested() || !OnAnswer(session, answer, &role, &failing)) co_return;
  }
}

// False when the session is obsolete.
bool ControlLane::Side::OnAnswer(std::uint64_t session,
                                 const Result<batch::HeartbeatAnswer>& answer, batch::Role* role,
                                 bool* failing) {
  News news;
  news.session = session;
  if (!answer.ok()) {
    const Status why = answer.status();
    news.obsolete = why.code() == Code::kUnauthenticated;
    if (news.obsolete) {
      Send(std::move(news));
      return false;
    }
    if (std::exchange(*failing, true)) return true;
    log.Warn("heartbeats fail", {{"error", why.message()}});
    news.error = why.message();
    Send(std::move(news));
    return true;
  }
  bool told = !answer->commands.empty();
  news.commands = answer->commands;
  if (answer->role != *role) {
    *role = answer->role;
    news.role = answer->role;
    told = true;
  }
  if (std::exchange(*failing, false)) {
    log.Info("heartbeats succeed again");
    news.error = "";
    told = true;
  }
  if (told) Send(std::move(news));
  return true;
}

ControlLane::ControlLane(env::Executor& data, env::Executor& control, FusionLink& link, Logger log,
                         std::function<void(News)> on_news)
    : control_(control),
      inbox_(std::make_shared<Inbox>()),
      side_(std::make_shared<Side>(data, control, link, std::move(log), inbox_)) {
  inbox_->on_news = std::move(on_news);
}

ControlLane::~ControlLane() { inbox_->alive = false; }

env::Task<Result<batch::SessionGrant>> ControlLane::Open(batch::SessionRequest request) {
  env::Completion<Side::Grant> done;
  control_.Post([side = side_, request = std::move(request), resolve = done.resolver()]() mutable {
    if (!side->abandoned) side->tasks.Spawn(side->Open(std::move(request), resolve));
  });
  co_return co_await done.Wait();
}

env::Task<Status> ControlLane::Close(std::string session_id) {
  env::Completion<Status> done;
  control_.Post([side = side_, id = std::move(session_id), resolve = done.resolver()]() mutable {
    if (!side->abandoned) side->tasks.Spawn(side->Close(std::move(id), resolve));
  });
  co_return co_await done.Wait();
}

void ControlLane::StartBeating(std::uint64_t session, std::string session_id, Nanos timeout,
                               batch::Role role) {
  const Nanos interval = std::max(timeout / 3, kBeatIntervalMin);
  control_.Post([side = side_, session, id = std::move(session_id), interval, role]() mutable {
    if (side->abandoned) return;
    std::exchange(side->beating, std::stop_source()).request_stop();
    side->to_acknowledge.clear();
    side->tasks.Spawn(
        side->Beat(session, std::move(id), interval, role, side->beating.get_token()));
  });
}

void ControlLane::StopBeating() { CancelCalls(); }

void ControlLane::Tell(Vitals vitals) {
  if (std::exchange(inbox_->telling, true)) return;
  control_.Post([side = side_, vitals = std::move(vitals)]() mutable {
    side->vitals = std::move(vitals);
    side->data.Post([inbox = side->inbox] { inbox->telling = false; });
  });
}

void ControlLane::Acknowledge(std::vector<std::string> command_ids) {
  control_.Post([side = side_, ids = std::move(command_ids)]() mutable {
    for (std::string& id : ids) {
      const bool known = std::ranges::find(side->to_acknowledge, id) != side->to_acknowledge.end();
      if (!known && side->to_acknowledge.size() < kAcknowledgedMax) {
        side->to_acknowledge.push_back(std::move(id));  // Else it comes again.
      }
    }
  });
}

void ControlLane::TellConfig(std::string session_id, batch::ConfigReport report) {
  control_.Post([side = side_, id = std::move(session_id), report = std::move(report)]() mutable {
    if (!side->abandoned) side->tasks.Spawn(side->TellConfig(std::move(id), std::move(report)));
  });
}

void ControlLane::CancelCalls() {
  control_.Post([side = side_] {
    if (side->abandoned) return;
    side->beating.request_stop();
    side->link.CancelCalls();
  });
}

env::Task<void> ControlLane::Stop() {
  env::Completion<bool> done;
  control_.Post([side = side_, resolve = done.resolver()] {
    if (side->abandoned) return;
    side->beating.request_stop();
    side->link.CancelCalls();
    side->closer.Spawn(side->JoinAll(side, resolve));
  });
  co_await done.Wait();
  inbox_->alive = false;
}

void ControlLane::Abandon() {
  inbox_->alive = false;
  side_->abandoned = true;
  side_->tasks.Abandon();
  side_->closer.Abandon();
}

}  // namespace fustor::agent
