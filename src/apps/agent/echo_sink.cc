#include "apps/agent/echo_sink.h"

#include <string_view>
#include <utility>

#include "adapters/posix/line_writer.h"

namespace fustor::agent {
namespace {

constexpr std::string_view kFileScheme = "file://";

class LineSink final : public EchoSink {
 public:
  explicit LineSink(std::unique_ptr<posix::LineWriter> writer) : writer_(std::move(writer)) {}

  env::Task<Status> Write(std::string text) override {
    env::Completion<Status> done;
    writer_->Write(std::move(text),
                   [resolve = done.resolver()](Status status) { resolve(std::move(status)); });
    co_return co_await done.Wait();
  }
  void Cancel() override { writer_->Cancel(); }

 private:
  const std::unique_ptr<posix::LineWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<EchoSink>> OpenEchoSink(const SenderConfig& sender) {
  const bool file = sender.uri.starts_with(kFileScheme);
  FUSTOR_TRY_ASSIGN(
      std::unique_ptr<posix::LineWriter> writer,
      file ? posix::AppendLines(sender.uri.substr(kFileScheme.size())) : posix::PrintLines());
  return std::unique_ptr<EchoSink>(std::make_unique<LineSink>(std::move(writer)));
}

}  // namespace fustor::agent
