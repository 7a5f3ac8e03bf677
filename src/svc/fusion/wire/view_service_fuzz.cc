// Feeds arbitrary bytes to the gRPC methods of views: the first byte chooses one, the others are
// its request. Whatever is answered a client must be able to read.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/fuzz_testing.h"
#include "env/hand_driven_testing.h"
#include "env/task_group.h"
#include "fustor/v1/views.pb.h"
#include "svc/fusion/wire/fakes_testing.h"
#include "svc/fusion/wire/view_methods.h"
#include "svc/fusion/wire/view_service.h"

namespace fustor::fusion {
namespace {

namespace pb = fustor::v1;

// One request, and what is sent for it.
class OneRequest final : public env::Stream {
 public:
  explicit OneRequest(std::string request) : request_(std::move(request)) {}
  env::Task<Status> Send(std::string message) override {
    sent_.push_back(std::move(message));
    co_return Status();
  }
  env::Task<Result<std::optional<std::string>>> Receive() override {
    co_return std::exchange(request_, std::nullopt);
  }
  env::Task<Status> CloseSend() override { co_return Status(); }
  void Cancel() override {}

  std::optional<std::string> request_;
  std::vector<std::string> sent_;
};

struct World {
  World() {
    for (const char* id : {"v", "f:1"}) {
      auto view = std::make_shared<FakeView>(id);
      view->status_.reporters.push_back({"agent-\xff", "/data/\xff"});
      for (const char* path : {"/a", "/d/b.txt", "/d/c\xff", "/d/e/f", "/d-", "/z"}) {
        view->PutFile(path, path[1]);
      }
      view->Put("/d/link", EntryKind::kSymlink, 3, "../\xff");
      view->tree_.Publish();
      views.views_.push_back(std::move(view));
    }
    views.forests_["f"] = {"f:1"};
    ViewSet::Access access;
    access.known = true;
    access.views = {"v", "f", "f:1"};
    views.keys_["k"] = access;
    service.AddMethods(&methods);
  }

  FakeClock clock;
  FakeViewSet views;
  env::HandDrivenExecutor hand;
  ViewService service{views, hand, clock, {.entries_per_message = 3}};
  env::MethodTable methods;
};

env::Task<void> Call(const env::UnaryHandler* handler, env::CallContext context,
                     std::string request, std::optional<Result<std::string>>* answer) {
  answer->emplace(co_await (*handler)(std::move(context), std::move(request)));
}
env::Task<void> Serve(const env::StreamHandler* handler, env::CallContext context,
                      OneRequest* stream, std::optional<Status>* end) {
  end->emplace(co_await (*handler)(std::move(context), *stream));
}

template <class Message>
Message Read(const std::string& bytes) {
  Message message;
  FUSTOR_CHECK(message.ParseFromString(bytes), "no client can read it");
  return message;
}

void CheckAnswer(std::string_view method, const std::string& bytes) {
  if (method == kStatusMethod) {
    (void)Read<pb::StatusResponse>(bytes);
  } else if (method == kStatMethod) {
    FUSTOR_CHECK(IsNormalViewPath(Read<pb::StatResponse>(bytes).entry().path()));
  } else if (method == kDuMethod) {
    (void)Read<pb::DuResponse>(bytes);
  }
}

// Entries in their order, each once.
void CheckEntries(const std::vector<std::string>& messages) {
  std::string last;
  std::size_t count = 0;
  for (const std::string& bytes : messages) {
    const auto message = Read<pb::EntriesResponse>(bytes);
    FUSTOR_CHECK(message.entries_size() <= 3);
    for (const pb::Entry& entry : message.entries()) {
      FUSTOR_CHECK(IsNormalViewPath(entry.path()) && entry.path() != last && ++count <= 10);
      last = entry.path();
    }
  }
}

void Check(World& world, std::string_view name, std::string request) {
  const env::MethodTable::Method* method = world.methods.Find(name);
  const env::CallContext context{{{"x-api-key", "k"}}, "peer"};
  OneRequest stream(request);
  std::optional<Result<std::string>> answer;
  std::optional<Status> end;
  env::TaskGroup group(world.hand);
  if (method->unary) {
    group.Spawn(Call(&method->unary, context, std::move(request), &answer));
  } else {
    group.Spawn(Serve(&method->stream, context, &stream, &end));
  }
  world.hand.RunAll();
  FUSTOR_CHECK(answer || end, "it waits for ever");
  const Status status = answer ? answer->status() : *end;
  FUSTOR_CHECK(status.code() != Code::kInternal && status.code() != Code::kUnknown);
  if (answer && answer->ok()) CheckAnswer(name, **answer);
  if (name == kTreeMethod || name == kSearchMethod) CheckEntries(stream.sent_);
}

void Run(FuzzInput in) {
  static World& world = *new World;
  static constexpr const char* kMethods[] = {kStatusMethod, kStatMethod,   kDuMethod,
                                             kScanMethod,   kJobsMethod,   kTreeMethod,
                                             kSearchMethod, kChangesMethod};
  const char* const method = kMethods[in.Below(std::size(kMethods))];
  Check(world, method, std::string(in.rest()));
}

}  // namespace
}  // namespace fustor::fusion

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::fusion::Run(fustor::FuzzInput(data, size));
  return 0;
}
