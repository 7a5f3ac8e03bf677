// `fustor scan` and `fustor jobs`.
#include <algorithm>

#include "base/path.h"
#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

constexpr Nanos kPause = Millis(200);

std::string JobsPath(const std::string& view) { return "/api/v1/views/" + view + "/jobs"; }

std::string AgentsText(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " agent" : " agents");
}

// One scan that was asked for.
struct Asked {
  std::string typed;
  JobState state;
  json::Value document;
};

Result<Asked> Start(Job& job, const std::string& typed, bool recursive) {
  FUSTOR_TRY_ASSIGN(const Place place, job.lookup.Locate(typed, Lookup::Links::kFollow));
  Asked asked;
  asked.typed = typed;
  FUSTOR_TRY_ASSIGN(asked.document, job.lookup.Post(JobsPath(place.view),
                                                    {{"path", place.path},
                                                     {"recursive", recursive ? "true" : "false"}}));
  Result<JobState> state = DecodeJob(asked.document);
  if (!state.ok()) return NotOfFusion(state.status());
  asked.state = *std::move(state);
  return asked;
}

Status Refresh(Job& job, Asked* asked) {
  FUSTOR_TRY_ASSIGN(asked->document,
                    job.lookup.Ask(JobsPath(asked->state.view) + "/" + asked->state.id, {}));
  Result<JobState> state = DecodeJob(asked->document);
  if (!state.ok()) return NotOfFusion(state.status());
  asked->state = *std::move(state);
  return {};
}

// Until it has ended, with the progress on a terminal.
Status Wait(Job& job, Asked* asked) {
  const bool shows = job.out.interactive() && !job.common.json;
  std::uint64_t shown = UINT64_MAX;
  std::size_t width = 0;
  while (asked->state.open() && job.out.open()) {
    if (shows && asked->state.ended != shown) {
      shown = asked->state.ended;
      const std::string text = job.out.Shown(asked->typed) + ": " + std::to_string(shown) + " of " +
                               AgentsText(asked->state.asked) + " looked";
      width = std::max(width, text.size());
      job.out.Add("\r" + text);
      job.out.FlushNow();
    }
    job.ports.host.Pause(kPause);
    FUSTOR_TRY(Refresh(job, asked));
  }
  if (width != 0) job.out.Add("\r" + std::string(width, ' ') + "\r");
  return {};
}

void Say(Job& job, const Asked& asked) {
  const JobState& state = asked.state;
  if (job.common.json) {
    job.out.Add(asked.document.ToJson() + "\n");
  } else if (state.open()) {
    job.out.Add(job.out.Shown(asked.typed) + ": " + AgentsText(state.asked) +
                " asked to look, job " + HarmlessText(state.id) + "\n");
  } else if (state.status == "COMPLETED") {
    job.out.Add(job.out.Shown(asked.typed) + ": scanned by " + AgentsText(state.asked) + "\n");
  }
  if (state.open() || state.status == "COMPLETED") return;
  job.Fail(
      Status(Code::kNotFound, PrintablePath(asked.typed) + ": not scanned: " +
                                  HarmlessText(state.error.empty() ? state.status : state.error)));
}

}  // namespace

void StartScans(Job& job, const ScanOptions& options) {
  std::vector<Asked> all;
  for (const std::string& path : options.paths) {
    Result<Asked> asked = Start(job, path, options.recursive);
    if (asked.ok()) {
      all.push_back(*std::move(asked));
    } else {
      job.Fail(asked.status());
    }
  }
  for (Asked& asked : all) {
    const Status waited = job.common.wait ? Wait(job, &asked) : Status();
    if (waited.ok()) {
      Say(job, asked);
    } else {
      job.Fail(waited);
    }
  }
}

void ShowJobs(Job& job, const JobsOptions& options) {
  std::vector<std::string> names = options.views;
  if (names.empty()) {
    const Result<const std::vector<ViewState>*> views = job.lookup.Views();
    if (!views.ok()) return job.Fail(views.status());
    for (const ViewState& view : **views) names.push_back(view.id);
  }
  Table table({{"JOB"}, {"VIEW"}, {"STATE"}, {"AGENTS", true}, {"AGE"}, {"PATH"}, {"ERROR"}});
  bool failed = false;
  for (const std::string& name : names) {
    const Result<json::Value> document = job.lookup.Ask(JobsPath(name), {});
    const json::Value* jobs = document.ok() ? document->Find("jobs") : nullptr;
    if (jobs == nullptr) {
      failed = true;
      job.Fail(document.ok() ? NotOfFusion(Status(Code::kInvalidArgument, "jobs is missing"))
                             : document.status());
      continue;
    }
    for (const json::Value& each : jobs->items()) {
      const Result<JobState> state = DecodeJob(each);
      if (!state.ok()) return job.Fail(NotOfFusion(state.status()));
      if (job.common.json) {
        job.out.Add(each.ToJson() + "\n");
        continue;
      }
      table.Add({HarmlessText(state->id), HarmlessText(name), HarmlessText(state->status),
                 std::to_string(state->ended) + "/" + std::to_string(state->asked),
                 AgeText(job.ports.host.Now() - state->created_at), job.out.Shown(state->path),
                 HarmlessText(state->error)});
    }
  }
  if (job.common.json) return;
  if (!table.empty()) return job.out.Add(table.Text());
  if (!failed) job.out.Add("No scan was asked for.\n");
}

}  // namespace fustor::client
