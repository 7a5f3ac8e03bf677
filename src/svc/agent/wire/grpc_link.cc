#include "svc/agent/wire/grpc_link.h"

#include <optional>
#include <utility>

#include "lib/batch/methods.h"
#include "svc/agent/wire/report.h"

namespace fustor::agent {
namespace {

class GrpcReportStream final : public ReportStream {
 public:
  GrpcReportStream(std::unique_ptr<env::Stream> stream, batch::Compressor& compressor)
      : stream_(std::move(stream)), compressor_(compressor) {}

  env::Task<Result<std::uint64_t>> Send(const batch::Batch& batch) override {
    std::string message = EncodeReport(batch, compressor_);
    const std::uint64_t bytes = message.size();
    Status sent = co_await stream_->Send(std::move(message));
    if (!sent.ok()) co_return sent;
    co_return bytes;
  }

  env::Task<Result<std::uint64_t>> NextAck() override {
    const Result<std::optional<std::string>> message = co_await stream_->Receive();
    if (!message.ok()) co_return message.status();
    // Nobody asked Fusion to end it: it is going down, or a proxy between us is.
    if (!*message) co_return Status(Code::kUnavailable, "the stream was ended by Fusion");
    const Result<batch::ReportAnswer> answer = DecodeReportAnswer(**message);
    if (!answer.ok()) co_return answer.status();
    commands_.insert(commands_.end(), answer->commands.begin(), answer->commands.end());
    co_return answer->acknowledged_sequence;
  }

  std::vector<batch::Command> TakeCommands() override { return std::exchange(commands_, {}); }

  void Cancel() override { stream_->Cancel(); }

 private:
  const std::unique_ptr<env::Stream> stream_;
  batch::Compressor& compressor_;
  std::vector<batch::Command> commands_;
};

}  // namespace

GrpcLink::GrpcLink(Options options, env::Channel& data, env::Channel& control,
                   std::unique_ptr<batch::Compressor> compressor)
    : options_(std::move(options)),
      data_(data),
      control_(control),
      compressor_(std::move(compressor)) {}

GrpcLink::GrpcLink(Options options, std::unique_ptr<env::Channel> data,
                   std::unique_ptr<env::Channel> control,
                   std::unique_ptr<batch::Compressor> compressor)
    : options_(std::move(options)),
      own_data_(std::move(data)),
      own_control_(std::move(control)),
      data_(*own_data_),
      control_(*own_control_),
      compressor_(std::move(compressor)) {}

env::Task<Result<std::string>> GrpcLink::Call(std::string method, std::string request,
                                              Nanos timeout) {
  env::Executor& here = co_await env::ThisExecutor();
  env::CallOptions options;
  options.deadline = here.clock().Now() + timeout;
  options.metadata.emplace_back(batch::kApiKeyMetadata, options_.key);
  options.stop = calls_.get_token();
  co_return co_await control_.Call(std::move(method), std::move(request), std::move(options));
}

env::Task<Result<batch::SessionGrant>> GrpcLink::Open(batch::SessionRequest request) {
  std::string bytes = EncodeSessionRequest(request);
  const Result<std::string> answer =
      co_await Call(batch::kOpenSessionMethod, std::move(bytes), options_.call_timeout);
  if (!answer.ok()) co_return answer.status();
  co_return DecodeSessionGrant(*answer);
}

env::Task<Result<batch::HeartbeatAnswer>> GrpcLink::Beat(batch::Heartbeat beat) {
  std::string bytes = EncodeHeartbeat(beat);
  const Result<std::string> answer =
      co_await Call(batch::kHeartbeatMethod, std::move(bytes), options_.call_timeout);
  if (!answer.ok()) co_return answer.status();
  co_return DecodeHeartbeatAnswer(*answer);
}

env::Task<Status> GrpcLink::Close(std::string session_id) {
  std::string bytes = EncodeCloseSession(session_id);
  const Result<std::string> answer =
      co_await Call(batch::kCloseSessionMethod, std::move(bytes), options_.close_timeout);
  co_return answer.status();
}

env::Task<Status> GrpcLink::TellConfig(std::string session_id, batch::ConfigReport report) {
  std::string bytes = EncodeConfigReport(session_id, report);
  const Result<std::string> answer =
      co_await Call(batch::kTellConfigMethod, std::move(bytes), options_.call_timeout);
  if (answer.status().code() == Code::kUnimplemented) co_return Status();
  co_return answer.status();
}

env::Task<Result<std::unique_ptr<ReportStream>>> GrpcLink::Report(std::string session_id) {
  report_ = std::stop_source();
  env::CallOptions options;
  options.metadata.emplace_back(batch::kApiKeyMetadata, options_.key);
  options.stop = report_.get_token();
  Result<std::unique_ptr<env::Stream>> opened =
      co_await data_.Open(batch::kReportMethod, std::move(options));
  if (!opened.ok()) co_return opened.status();
  std::unique_ptr<env::Stream> stream = std::move(opened).value();
  std::string start = EncodeReportStart(session_id);
  Status sent = co_await stream->Send(std::move(start));
  if (!sent.ok()) co_return sent;
  co_return std::unique_ptr<ReportStream>(
      std::make_unique<GrpcReportStream>(std::move(stream), *compressor_));
}

env::Task<Result<std::string>> GrpcLink::CallOnData(std::string method, std::string request,
                                                    std::stop_token stop) {
  env::Executor& here = co_await env::ThisExecutor();
  env::CallOptions options;
  options.deadline = here.clock().Now() + options_.call_timeout;
  options.metadata.emplace_back(batch::kApiKeyMetadata, options_.key);
  options.stop = std::move(stop);
  co_return co_await data_.Call(std::move(method), std::move(request), std::move(options));
}

env::Task<Result<std::vector<std::string>>> GrpcLink::ListSuspects(std::string session_id,
                                                                   std::stop_token stop) {
  std::string bytes = EncodeListSuspects(session_id);
  const Result<std::string> answer =
      co_await CallOnData(batch::kListSuspectsMethod, std::move(bytes), std::move(stop));
  if (!answer.ok()) co_return answer.status();
  co_return DecodeSuspects(*answer);
}

env::Task<Result<std::vector<std::string>>> GrpcLink::Sweep(std::string session_id,
                                                            std::vector<batch::Sighting> sightings,
                                                            bool again, std::stop_token stop) {
  std::string bytes = EncodeSweep(session_id, sightings, again);
  const Result<std::string> answer =
      co_await CallOnData(batch::kSweepMethod, std::move(bytes), std::move(stop));
  if (!answer.ok()) co_return answer.status();
  co_return DecodeSweepAnswer(*answer);
}

void GrpcLink::CancelCalls() { std::exchange(calls_, std::stop_source()).request_stop(); }

}  // namespace fustor::agent
