// ports.h: what the command line needs from the world, in its own words.
//
// Everything here blocks: the command line is one thread with one thing to do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lib/json/json.h"
#include "svc/client/core/calendar.h"
#include "svc/client/core/choice.h"
#include "svc/client/core/find_expression.h"
#include "svc/client/core/words.h"

namespace fustor::client {

// One Fusion, asked with one key.
class Fusion {
 public:
  struct Reply {
    int status = 0;
    json::Value body;
    int retry_after_s = 0;  // 0: it did not say.
    std::string freshness;  // X-Fustor-Freshness: empty when the answer is live.
  };
  using Query = std::vector<std::pair<std::string, std::string>>;

  virtual ~Fusion() = default;
  // GET of `path` ("/api/v1/views/") with the query; bytes are encoded by the callee. Any status is
  // a reply. Errors: kUnavailable (nobody answers), kDeadlineExceeded, kInvalidArgument (the answer
  // is not JSON), kResourceExhausted (larger than 64 MiB).
  virtual Result<Reply> Get(const std::string& path, const Query& query) = 0;
  // The same with POST, without a body.
  virtual Result<Reply> Post(const std::string& path, const Query& query) {
    (void)path;
    (void)query;
    return Status(Code::kUnimplemented, "this way to Fusion only asks");
  }
  // GET of an answer of any length: what comes with status 200 goes to `on_piece`, piece by piece,
  // until it returns false (kCancelled); `body` of the reply is then null. Errors: as for Get, and
  // kDataLoss when the answer breaks off before its end.
  virtual Result<Reply> Download(const std::string& path, const Query& query,
                                 const std::function<bool(std::string_view)>& on_piece) {
    (void)path;
    (void)query;
    (void)on_piece;
    return Status(Code::kUnimplemented, "this way to Fusion has no long answers");
  }
  // Reads streams of server-sent events side by side, until each of them has ended and is not asked
  // for again. The followers are called one at a time, on a thread that may be another than the
  // caller's.
  virtual void Follow(const std::vector<class EventFollower*>& followers) = 0;
};

// Reads one stream of server-sent events.
class EventFollower {
 public:
  struct Request {
    std::string path;
    Fusion::Query query;
    std::string last_event_id;  // Empty: none.
  };
  virtual ~EventFollower() = default;
  // What to ask for; called before each attempt.
  virtual Request Ask() = 0;
  // A piece of the stream as it arrives. False: that is enough.
  virtual bool OnPiece(std::string_view piece) = 0;
  // How an attempt ended: status 200 when the stream did; another answer; or why there was none.
  // After how long to ask again; nullopt: not again. Not called when OnPiece has had enough.
  virtual std::optional<Nanos> OnEnd(const Result<Fusion::Reply>& how) = 0;
};

// Where output goes.
class Terminal {
 public:
  virtual ~Terminal() = default;
  // All of it. Errors: kCancelled (nobody reads any more), or what the system says.
  virtual Status Write(std::string_view bytes) = 0;
  virtual void WriteError(std::string_view text) = 0;
  // False when writing would fail because nobody reads any more.
  virtual bool has_reader() const { return true; }
  // Whether a person reads: then names are escaped and tables are wide.
  virtual bool interactive() const = 0;
  virtual bool colours() const = 0;
  virtual std::size_t columns() const = 0;
  // Whether a person sees what WriteError writes.
  virtual bool errors_interactive() const { return false; }
};

// A file that is there as a whole, after Commit, or not at all.
class NewFile {
 public:
  virtual ~NewFile() = default;
  // Errors: kCancelled (nobody reads any more), or what the system says.
  virtual Status Write(std::string_view bytes) = 0;
  virtual Status Commit() = 0;
};

// The machine on which the command runs.
class Host : public Accounts, public AccountIds, public LocalClock {
 public:
  virtual WallTime Now() const = 0;
  // Returns after about this long.
  virtual void Pause(Nanos time) = 0;
  virtual std::string WorkingDirectory() const = 0;
  // As realpath(3). Errors: kNotFound, kPermissionDenied.
  virtual Result<std::string> RealPath(const std::string& path) const = 0;
  virtual std::optional<std::string> Variable(const std::string& name) const = 0;
  virtual bool IsUser(const std::string& name) const = 0;
  virtual bool IsGroup(const std::string& name) const = 0;
  // The times of what is there, not of what a link points to. Errors: kNotFound, kPermissionDenied.
  virtual Result<FileTimes> Times(const std::string& path) const = 0;
  // Errors: kNotFound, kPermissionDenied, kResourceExhausted (over the limit).
  virtual Result<std::string> ReadFile(const std::string& path, std::size_t limit_bytes) const = 0;
  virtual Result<json::Value> ParseJson(std::string_view text) const = 0;
  // Errors: kNotFound (no such folder), kPermissionDenied, kInvalidArgument (a directory).
  virtual Result<std::unique_ptr<NewFile>> CreateFile(const std::string& path) const = 0;
};

struct Ports {
  Host& host;
  Terminal& terminal;
  // Errors: kInvalidArgument (not a URL).
  std::function<Result<std::unique_ptr<Fusion>>(const std::string& url, const std::string& key)>
      connect;
};

}  // namespace fustor::client
