#include "base/path.h"
#include "lib/http/answers.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

constexpr std::size_t kPartsListed = 1'000;  // Of one job, in its own answer.

// Opens the object; what all answers have.
void WriteJob(const Jobs::Job& job, JsonWriter* json) {
  json->BeginObject().Key("job_id").String(job.id).Key("view_id").String(job.view_id);
  json->Key("path").String(job.path).Key("status").String(JobStateName(job.state));
  json->Key("progress").BeginObject().Key("completed_pipes").Uint(job.ended_parts());
  json->Key("total_pipes").Uint(job.parts.size());
  json->Key("percentage").Double(job.percentage()).EndObject();
  json->Key("created_at");
  WriteSeconds(job.created_at, json);
  json->Key("completed_at");
  WriteSeconds(job.completed_at, json);
  json->Key("recursive").Bool(job.recursive).Key("error");
  if (job.error.empty()) {
    json->Null();
  } else {
    json->String(job.error);
  }
}

std::string JobJson(const Jobs::Job& job) {
  std::string out;
  JsonWriter json(&out);
  WriteJob(job, &json);
  json.Key("parts").BeginArray();
  std::size_t listed = 0;
  for (const auto& [task, part] : job.parts) {
    if (++listed > kPartsListed) break;
    json.BeginObject().Key("task_id").String(part.task_id);
    json.Key("status").String(JobStateName(part.state)).Key("error");
    if (part.error.empty()) {
      json.Null();
    } else {
      json.String(part.error);
    }
    json.EndObject();
  }
  json.EndArray().EndObject();
  return out;
}

}  // namespace

env::Task<void> AnswerJobs(const ViewDoor& door, http::Request& request,
                           http::ResponseWriter& writer) {
  const std::optional<OpenView> open = co_await Open(door, request, writer, Need::kAnyState);
  if (!open) co_return;
  const std::vector<Jobs::Job> jobs = co_await open->view->ListJobs();
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("jobs").BeginArray();
  for (const Jobs::Job& job : jobs) {
    WriteJob(job, &json);
    json.EndObject();
  }
  json.EndArray().EndObject();
  (void)co_await writer.Send(200, open->headers, std::move(out));
}

env::Task<void> AnswerJob(const ViewDoor& door, http::Request& request,
                          http::ResponseWriter& writer) {
  const std::optional<OpenView> open = co_await Open(door, request, writer, Need::kAnyState);
  if (!open) co_return;
  const std::string id(request.PathParameter("job"));
  const std::optional<Jobs::Job> job = co_await open->view->FindJob(id);
  if (!job) {
    (void)co_await http::SendDetail(
        writer, 404,
        "Job '" + PrintablePath(id) + "' not found in view '" + open->view->id() + "'");
    co_return;
  }
  (void)co_await writer.Send(200, open->headers, JobJson(*job));
}

env::Task<void> StartJob(const ViewDoor& door, http::Request& request,
                         http::ResponseWriter& writer) {
  JobQuery query;
  const auto read = [&](BadParameter* bad) { return ParseJobQuery(request, &query, bad); };
  const std::optional<OpenView> open =
      co_await OpenAndRead(door, request, writer, Need::kAnyState, read);
  if (!open) co_return;
  const Result<Jobs::Job> job = co_await open->view->StartScan(query.path, query.recursive);
  if (job.ok()) {
    (void)co_await writer.Send(202, open->headers, JobJson(*job));
    co_return;
  }
  http::Headers headers = http::JsonHeaders();
  headers.Add("Retry-After", "5");
  (void)co_await writer.Send(http::HttpStatus(job.status().code()), std::move(headers),
                             http::DetailJson(job.status().message()));
}

}  // namespace fustor::fusion
