// transport.h: calls and streams of messages between processes, without saying which protocol.
//
// Messages are opaque bytes; the wire folders of the services encode and decode them. Methods are
// named as gRPC names them ("/fustor.v1.Agents/OpenSession"), codes are gRPC's. adapters/grpc
// carries this over gRPC, lib/loopback inside a process, the simulator over a virtual network.
// Tasks returned here resume on the executor of whoever awaits them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "env/task.h"

namespace fustor::env {

// Lower-case keys, as in HTTP/2.
using Metadata = std::vector<std::pair<std::string, std::string>>;

// One end of an ordered, reliable, flow-controlled stream of messages. One Send and one Receive may
// be pending at a time; both may be used from one executor only, Cancel from any thread.
// REQUIRES: no Send or Receive is pending when it is destroyed. Destroying it cancels the stream.
class Stream {
 public:
  virtual ~Stream() = default;
  // Waits for room at the other side. Errors: kUnavailable, kCancelled, or the code with which the
  // other side ended the stream.
  virtual Task<Status> Send(std::string message) = 0;
  // nullopt when the other side has sent all it will (client: and the call ended with OK).
  // Errors: as for Send.
  virtual Task<Result<std::optional<std::string>>> Receive() = 0;
  // Client side: no more messages will be sent. Server side: not used, the handler returns instead.
  virtual Task<Status> CloseSend() = 0;
  // Pending and later operations fail with kCancelled.
  virtual void Cancel() = 0;
};

struct CallOptions {
  Instant deadline = Instant::Max();  // Of the clock of the executor that makes the call.
  Metadata metadata;
  std::stop_token stop;  // Ends the wait with kCancelled.
};

// The way to one server. Connects when needed and again after failures. Thread-safe.
class Channel {
 public:
  virtual ~Channel() = default;
  // Errors: what the server answered; kUnavailable (no connection; also: may have happened),
  // kDeadlineExceeded, kCancelled.
  virtual Task<Result<std::string>> Call(std::string method, std::string request,
                                         CallOptions options) = 0;
  // May succeed before the server has been reached: a failure then shows at the first Send or
  // Receive. The stream is used on the executor that opened it.
  virtual Task<Result<std::unique_ptr<Stream>>> Open(std::string method, CallOptions options) = 0;
};

// What a handler knows about the caller.
struct CallContext {
  Metadata metadata;
  std::string peer;  // "127.0.0.1:40022", "in-process"

  // First value of `key`, or empty.
  std::string_view Find(std::string_view key) const {
    for (const auto& [name, value] : metadata) {
      if (name == key) return value;
    }
    return {};
  }
};

using UnaryHandler = std::function<Task<Result<std::string>>(CallContext, std::string)>;
// The stream lives until the returned task ends; the status ends the call. When the client goes
// away, Send and Receive fail with kCancelled.
using StreamHandler = std::function<Task<Status>(CallContext, Stream&)>;

// What a server serves. Filled before the server starts, constant afterwards.
class MethodTable {
 public:
  struct Method {
    Executor* executor;  // The handler runs here.
    UnaryHandler unary;  // One of the two is set.
    StreamHandler stream;
  };
  void AddUnary(std::string name, Executor& executor, UnaryHandler handler) {
    methods_[std::move(name)] = Method{&executor, std::move(handler), {}};
  }
  void AddStream(std::string name, Executor& executor, StreamHandler handler) {
    methods_[std::move(name)] = Method{&executor, {}, std::move(handler)};
  }
  // nullptr when there is no such method.
  const Method* Find(std::string_view name) const {
    const auto it = methods_.find(name);
    return it == methods_.end() ? nullptr : &it->second;
  }
  const std::map<std::string, Method, std::less<>>& methods() const { return methods_; }

 private:
  std::map<std::string, Method, std::less<>> methods_;
};

}  // namespace fustor::env
