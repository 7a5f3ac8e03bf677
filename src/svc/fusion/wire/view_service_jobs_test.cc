// On-demand scans over the loopback, which keeps the contract of gRPC.
#include <gtest/gtest.h>

#include "adapters/asio/executor.h"
#include "fustor/v1/views.pb.h"
#include "lib/loopback/loopback.h"
#include "svc/fusion/wire/fakes_testing.h"
#include "svc/fusion/wire/view_methods.h"
#include "svc/fusion/wire/view_service.h"

namespace fustor::fusion {
namespace {

namespace pb = fustor::v1;

// Keeps what it is asked for, and ends nothing.
class ScannedView : public FakeView {
 public:
  using FakeView::FakeView;
  env::Task<Result<Jobs::Job>> StartScan(std::string path, bool recursive) override {
    const std::string id = "id" + std::to_string(++asked_);
    const Result<const Jobs::Job*> job = jobs_.Start(
        id, "v", path, recursive, {{SessionKey{1}, "t", "agent:t"}}, {Instant{1}, WallTime{7}});
    if (!job.ok()) co_return job.status();
    co_return **job;
  }
  env::Task<std::vector<Jobs::Job>> ListJobs() override {
    std::vector<Jobs::Job> list;
    for (const Jobs::Job* job : jobs_.Of("v")) list.push_back(*job);
    co_return list;
  }
  env::Task<std::optional<Jobs::Job>> FindJob(std::string id) override {
    const Jobs::Job* job = jobs_.Find(id);
    if (job == nullptr) co_return std::nullopt;
    co_return *job;
  }
  Jobs jobs_;
  int asked_ = 0;
};

class ViewServiceJobs : public testing::Test {
 protected:
  ViewServiceJobs() {
    view_->status_.ready = false;  // Scans are for views in any state.
    views_.views_ = {view_};
    ViewSet::Access access;
    access.known = true;
    access.views = {"v"};
    views_.keys_["k"] = access;
    service_.AddMethods(&methods_);
    channel_ = std::make_unique<loopback::Loopback>(methods_);
  }
  ~ViewServiceJobs() override {
    asio::BlockOn(*client_, channel_->Stop());
    client_->Stop();
    executor_->Stop();
  }
  template <class Response, class Request>
  Result<Response> Call(const char* method, const Request& request, const std::string& key = "k") {
    env::CallOptions options;
    options.metadata = {{"x-api-key", key}};
    const Result<std::string> bytes = asio::BlockOn(
        *client_, channel_->Call(method, request.SerializeAsString(), std::move(options)));
    if (!bytes.ok()) return bytes.status();
    Response response;
    EXPECT_TRUE(response.ParseFromString(*bytes));
    return response;
  }

  std::shared_ptr<ScannedView> view_ = std::make_shared<ScannedView>("v");
  FakeViewSet views_;
  std::unique_ptr<asio::ThreadExecutor> executor_ = asio::StartThread("service");
  std::unique_ptr<asio::ThreadExecutor> client_ = asio::StartThread("client");
  ViewService service_{views_, *executor_, asio::SystemClock()};
  env::MethodTable methods_;
  std::unique_ptr<loopback::Loopback> channel_;
};

TEST_F(ViewServiceJobs, StartsJoinsAndShowsThem) {
  pb::ScanRequest scan;
  scan.set_view_id("v");
  scan.set_path("/a/\xff");
  scan.set_recursive(true);
  const auto started = Call<pb::ScanResponse>(kScanMethod, scan);
  ASSERT_TRUE(started.ok()) << started.status().ToString();
  EXPECT_EQ(started->job().id(), "id1");
  EXPECT_EQ(started->job().path(), "/a/\xff");
  EXPECT_EQ(started->job().status(), "PENDING");
  EXPECT_EQ(started->job().total_pipes(), 1u);
  EXPECT_EQ(started->job().created_at_ns(), 7);
  EXPECT_EQ(Call<pb::ScanResponse>(kScanMethod, scan)->job().id(), "id1") << "it joins";
  scan.clear_path();
  EXPECT_EQ(Call<pb::ScanResponse>(kScanMethod, scan)->job().path(), "/");

  view_->jobs_.Ended(SessionKey{1}, "id1", "is not there", {Instant{2}, WallTime{9}});
  pb::JobsRequest ask;
  ask.set_view_id("v");
  EXPECT_EQ(Call<pb::JobsResponse>(kJobsMethod, ask)->jobs_size(), 2);
  ask.set_job_id("id1");
  const auto one = Call<pb::JobsResponse>(kJobsMethod, ask);
  ASSERT_EQ(one->jobs_size(), 1);
  EXPECT_EQ(one->jobs(0).status(), "FAILED");
  EXPECT_EQ(one->jobs(0).error(), "agent:t: is not there");
  EXPECT_EQ(one->jobs(0).completed_at_ns(), 9);
}

TEST_F(ViewServiceJobs, RefusesWhatMakesNoSense) {
  pb::ScanRequest scan;
  scan.set_view_id("v");
  scan.set_path("/a/../b");
  EXPECT_EQ(Call<pb::ScanResponse>(kScanMethod, scan).status().code(), Code::kInvalidArgument);
  scan.set_path("/a");
  EXPECT_EQ(Call<pb::ScanResponse>(kScanMethod, scan, "x").status().code(), Code::kUnauthenticated);
  scan.set_view_id("w");
  EXPECT_EQ(Call<pb::ScanResponse>(kScanMethod, scan).status().code(), Code::kPermissionDenied);
  pb::JobsRequest ask;
  ask.set_view_id("v");
  ask.set_job_id("nothing");
  EXPECT_EQ(Call<pb::JobsResponse>(kJobsMethod, ask).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace fustor::fusion
