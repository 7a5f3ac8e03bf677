// On-demand scans over gRPC.
#include <google/protobuf/stubs/logging.h>

#include <utility>

#include "base/path.h"
#include "fustor/v1/views.pb.h"
#include "svc/fusion/wire/view_service.h"

namespace fustor::fusion {
namespace {

namespace pb = fustor::v1;

void FillJob(const Jobs::Job& job, pb::Job* out) {
  out->set_id(job.id);
  out->set_view_id(job.view_id);
  out->set_path(job.path);
  out->set_recursive(job.recursive);
  out->set_status(std::string(JobStateName(job.state)));
  out->set_completed_pipes(static_cast<std::uint32_t>(job.ended_parts()));
  out->set_total_pipes(static_cast<std::uint32_t>(job.parts.size()));
  out->set_created_at_ns(job.created_at.ns);
  out->set_completed_at_ns(job.completed_at ? job.completed_at->ns : 0);
  out->set_error(batch::Utf8Text(job.error));
}

}  // namespace

env::Task<Result<std::string>> ViewService::StartScan(env::CallContext context, std::string bytes) {
  pb::ScanRequest request;
  const google::protobuf::LogSilencer quiet;  // As in view_service.cc.
  if (!request.ParseFromString(bytes)) {
    co_return Status(Code::kInvalidArgument, "the request cannot be read");
  }
  const Result<std::shared_ptr<View>> view = Find(context, request.view_id());
  if (!view.ok()) co_return view.status();
  Result<std::string> path = NormalizeViewPath(request.path().empty() ? "/" : request.path());
  if (!path.ok()) co_return path.status().Within("path");
  const Result<Jobs::Job> job = co_await (*view)->StartScan(*std::move(path), request.recursive());
  if (!job.ok()) co_return job.status();
  pb::ScanResponse response;
  FillJob(*job, response.mutable_job());
  co_return response.SerializeAsString();
}

env::Task<Result<std::string>> ViewService::ShowJobs(env::CallContext context, std::string bytes) {
  pb::JobsRequest request;
  const google::protobuf::LogSilencer quiet;  // As in view_service.cc.
  if (!request.ParseFromString(bytes)) {
    co_return Status(Code::kInvalidArgument, "the request cannot be read");
  }
  const Result<std::shared_ptr<View>> view = Find(context, request.view_id());
  if (!view.ok()) co_return view.status();
  pb::JobsResponse response;
  if (request.job_id().empty()) {
    const std::vector<Jobs::Job> jobs = co_await (*view)->ListJobs();
    for (const Jobs::Job& job : jobs) FillJob(job, response.add_jobs());
    co_return response.SerializeAsString();
  }
  const std::optional<Jobs::Job> job = co_await (*view)->FindJob(request.job_id());
  if (!job) co_return Status(Code::kNotFound, "Job not found in view '" + (*view)->id() + "'");
  FillJob(*job, response.add_jobs());
  co_return response.SerializeAsString();
}

}  // namespace fustor::fusion
