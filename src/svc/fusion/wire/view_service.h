// view_service.h: views over gRPC: service fustor.v1.Views of api/proto/fustor/v1/views.proto.
//
// The same keys, readiness and freshness as over HTTP (views.h): kUnauthenticated without or with
// an unknown key, kPermissionDenied when it does not open the view, kNotFound for an unknown view
// or path, kUnavailable while a view is not ready (the message says why), kInvalidArgument for a
// request that makes no sense, kResourceExhausted for too many readers.
//
// Streams are sent a message at a time, and the transport holds them back while the client reads
// slowly; a revision is let go before each message. A client that has gone is noticed at once where
// the transport tells (env/client_gone.h), else at the next message: while a change feed is quiet,
// at the latest after Options.feed_heartbeat. No handler holds its executor for more than a few
// milliseconds at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "env/clock.h"
#include "env/transport.h"
#include "svc/fusion/flow/view.h"
#include "svc/fusion/wire/change_events.h"

namespace fustor::fusion {

class ViewService {
 public:
  struct Options {
    std::uint32_t entries_per_message = 500;
    std::size_t message_bytes = 256 << 10;  // Aim.
    Nanos feed_heartbeat = Seconds(15);
    Nanos slice = Micros(2000);
  };

  // All must outlive the service; `executor` runs its handlers, `clock` is that of the views.
  ViewService(ViewSet& views, env::Executor& executor, const env::Clock& clock, Options options);
  ViewService(ViewSet& views, env::Executor& executor, const env::Clock& clock)
      : ViewService(views, executor, clock, Options()) {}

  // The service must outlive the table's use.
  void AddMethods(env::MethodTable* table);

 private:
  Result<std::shared_ptr<View>> Find(const env::CallContext& context,
                                     const std::string& view_id) const;
  // A view that may be asked now.
  Result<std::shared_ptr<View>> Open(const env::CallContext& context,
                                     const std::string& view_id) const;
  Result<std::string> ShowViews(const env::CallContext& context, const std::string& bytes) const;
  Result<std::string> ShowEntry(const env::CallContext& context, const std::string& bytes) const;
  Result<std::string> ShowUsage(const env::CallContext& context, const std::string& bytes) const;
  // view_service_jobs.cc
  env::Task<Result<std::string>> StartScan(env::CallContext context, std::string bytes);
  env::Task<Result<std::string>> ShowJobs(env::CallContext context, std::string bytes);
  env::Task<Status> SendTree(env::CallContext context, env::Stream& stream);
  env::Task<Status> SendMatches(env::CallContext context, env::Stream& stream);
  env::Task<Status> SendChanges(env::CallContext context, env::Stream& stream);
  env::Task<Status> SendNews(const env::CallContext& context, const std::shared_ptr<View>& view,
                             std::unique_ptr<ChangeReader> reader,
                             std::optional<FeedPosition> since, const ChangeFilter& filter,
                             env::Stream& stream);

  ViewSet& views_;
  env::Executor& executor_;
  const env::Clock& clock_;
  const Options options_;
};

}  // namespace fustor::fusion
