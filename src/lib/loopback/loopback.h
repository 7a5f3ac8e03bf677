// loopback.h: calls and streams inside one process, as if they went over a network.
//
// Deterministic. Handlers run on the executors that the method table names; a caller resumes on its
// own. Nothing is shared between the two but messages that are posted from one executor to the
// other, so caller and handler may live on one executor or on two threads. Calls may be made from
// any executor. What the contracts of env/transport.h leave open:
//   - an unknown method is refused by Call and Open themselves;
//   - a stream is used on the executor on which it was opened;
//   - Send waits while as many bytes as Options says have been sent and not yet been received; a
//     message that is larger than that goes alone;
//   - a handler goes on when its caller has given up; a stream handler sees kCancelled.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "env/executor.h"
#include "env/transport.h"

namespace fustor::loopback {

struct Options {
  std::size_t unread_bytes_max = std::size_t{1} << 20;    // In each direction of each stream.
  std::size_t message_bytes_max = std::size_t{64} << 20;  // Larger: kResourceExhausted.
};

// REQUIRES: the method table, its executors and those of the callers outlive this object, and run
// until Stop has ended. Every call has ended and every opened stream is gone when it is destroyed.
class Loopback final : public env::Channel {
 public:
  explicit Loopback(const env::MethodTable& methods, Options options = {});
  ~Loopback() override;

  env::Task<Result<std::string>> Call(std::string method, std::string request,
                                      env::CallOptions options) override;
  env::Task<Result<std::unique_ptr<env::Stream>>> Open(std::string method,
                                                       env::CallOptions options) override;

  // Refuses new calls with kUnavailable, cancels the streams, and returns when the last handler has
  // ended. Must have ended before the object is destroyed. REQUIRES: called once, not by a handler.
  env::Task<void> Stop();

 private:
  struct Host;
  std::shared_ptr<Host> HostOf(const env::MethodTable::Method& method) const;

  const env::MethodTable& methods_;
  const Options options_;
  std::map<env::Executor*, std::shared_ptr<Host>> hosts_;  // Constant after construction.
};

}  // namespace fustor::loopback
