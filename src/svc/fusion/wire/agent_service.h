// agent_service.h: the door for agents: service fustor.v1.Agents of api/proto/fustor/v1.
//
// Sessions are answered on the control executor. A stream of reports is decoded on the ingest
// executor and applied by the shards; an answer acknowledges what readers can see, and brings
// commands as soon as there are some. At most
// kBatchesInFlight batches of a stream are decoded and not yet applied; then nothing is read until
// one is, and the transport holds the agent back.
//
// A stream ends with kUnauthenticated when its session ends or another stream of the session takes
// over, with kInvalidArgument when a message makes no sense. What a batch holds that makes no sense
// is left out and counted (agents.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/metrics.h"
#include "env/transport.h"
#include "lib/batch/compressor.h"
#include "svc/fusion/flow/session_host.h"
#include "svc/fusion/wire/agents.h"

namespace fustor::fusion {

class AgentService {
 public:
  static constexpr std::size_t kBatchesInFlight = 4;

  // Agents of one receiver, identified by the keys of its pipes. All must outlive the methods.
  // `ingest` may be the control executor in tests; `compressor` is used on it alone.
  AgentService(std::string receiver, SessionHost& host, env::Executor& control,
               env::Executor& ingest, std::unique_ptr<batch::Compressor> compressor,
               MetricRegistry& metrics, Logger log);

  // The service must outlive the table's use.
  void AddMethods(env::MethodTable* table);

 private:
  struct Inflow;

  SessionHost::Caller CallerOf(const env::CallContext& context) const;
  env::Task<Result<std::string>> OpenSession(env::CallContext context, std::string request);
  env::Task<Result<std::string>> Beat(env::CallContext context, std::string request);
  env::Task<Result<std::string>> TellConfig(env::CallContext context, std::string request);
  env::Task<Result<std::string>> CloseSession(env::CallContext context, std::string request);
  env::Task<Result<std::string>> ListSuspects(env::CallContext context, std::string request);
  env::Task<Result<std::string>> Sweep(env::CallContext context, std::string request);
  env::Task<Status> Report(env::CallContext context, env::Stream& stream);
  env::Task<Result<SessionHost::Ticket>> Join(SessionHost::Caller caller, std::string session_id,
                                              std::shared_ptr<Inflow> inflow);
  env::Task<Status> TakeBatches(const SessionHost::Ticket& ticket, env::Stream& stream,
                                std::shared_ptr<Inflow> inflow);
  void Deliver(const SessionHost::Ticket& ticket, batch::Batch batch,
               const std::shared_ptr<Inflow>& inflow);
  static env::Task<void> SendAnswers(env::Stream& stream, std::shared_ptr<Inflow> inflow);
  // What an applied batch means to a job. On any executor.
  void NoteJob(SessionKey session, const batch::Batch& batch);

  const std::string receiver_;
  SessionHost& host_;
  env::Executor& control_;
  env::Executor& ingest_;
  const std::unique_ptr<batch::Compressor> compressor_;
  const Logger log_;
  Counter& rows_;
  Counter& bytes_;
  Counter& skipped_rows_;
  Counter& bad_batches_;
};

}  // namespace fustor::fusion
