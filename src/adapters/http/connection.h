// connection.h: one client: reads its requests one after the other and has them answered.
//
// Lives on its loop; kept alive by its own task.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "adapters/http/answer.h"
#include "adapters/http/body.h"
#include "adapters/http/inbox.h"
#include "adapters/http/loop.h"
#include "adapters/http/message.h"
#include "adapters/http/outbox.h"
#include "adapters/http/wire.h"

namespace fustor::http {

class Connection {
 public:
  Connection(Loop& loop, std::shared_ptr<Wire> wire, std::string peer);
  ~Connection();
  Connection(const Connection&) = delete;

  // All of the connection's life.
  static env::Task<void> Run(std::shared_ptr<Connection> self);

  // Ends the waits whose time is over, and notices clients that are gone.
  void Tick(Instant now);
  // Waits for a request of which no byte has come: may be closed without harm.
  bool idle() const { return idle_; }
  void CloseIdle() { wire_->CancelPending(); }
  void Abort();

 private:
  struct Refusal {
    int status;
    std::string detail;
    std::vector<std::string> allowed;
  };

  env::Task<bool> Greet();
  // One request and its answer. False when the connection is to be closed.
  env::Task<bool> ServeNext();
  // Size of the next head in the inbox; 0 when there will be none.
  env::Task<std::size_t> ReadHead();
  env::Task<std::size_t> NoHead(IoResult read);
  env::Task<bool> Serve(RequestHead head);
  // Fills request_, match_ and the body.
  std::optional<Refusal> Prepare(RequestHead& head);
  env::Task<void> Handle(std::optional<Refusal> refusal);
  env::Task<void> AnswerForSilentHandler();
  env::Task<void> RefuseHead(int status, std::string detail);
  env::Task<bool> ReadyForNext();
  env::Task<void> Part();
  void Count(Instant start);

  Loop& loop_;
  Site& site_;
  const std::shared_ptr<Wire> wire_;
  const std::string peer_;
  Inbox inbox_;
  const std::shared_ptr<Outbox> outbox_;
  Body body_;
  Answer answer_;
  Request request_;
  Router::Match match_;
  std::stop_source gone_;
  Watch watch_;  // Of heads, handshakes and farewells.
  Instant accepted_;
  std::size_t scanned_bytes_ = 0;
  std::size_t requests_ = 0;
  Instant handler_since_ = Instant::Max();
  bool idle_ = false;
  bool unread_ = false;  // There may be bytes from the client that nobody reads.
  bool silent_ = false;  // Nothing was said that the client must still read.
  const std::list<Connection*>::iterator place_;
};

}  // namespace fustor::http
