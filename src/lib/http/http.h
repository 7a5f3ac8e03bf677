// http.h: HTTP as services see it: requests, answers and routes, without saying who carries them.
//
// adapters/http serves a Router over sockets; tests and the simulator call it directly. Handlers
// are coroutines on the executor of the connection.
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
#include "env/task.h"
#include "lib/http/answer_store.h"

namespace fustor::http {

// Header names compare without regard to case; order and repetition are kept.
class Headers {
 public:
  void Add(std::string name, std::string value) {
    items_.emplace_back(std::move(name), std::move(value));
  }
  // Replaces all of that name.
  void Set(std::string_view name, std::string value);
  // First value, or nullopt.
  std::optional<std::string_view> Find(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

// The body of a request, read as it arrives (decompressed when Content-Encoding says gzip or zstd).
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // The next piece; nullopt at the end. Errors: kUnavailable (connection lost), kInvalidArgument
  // (malformed), kResourceExhausted (over the limit of the route, after decompression),
  // kDeadlineExceeded (client too slow).
  virtual env::Task<Result<std::optional<std::string>>> ReadSome() = 0;
  // All of it.
  env::Task<Result<std::string>> ReadAll();
};

struct Request {
  std::string method;  // "GET"
  std::string path;    // Percent-decoded bytes, without the query. Begins with '/'.
  std::vector<std::pair<std::string, std::string>> query;  // Decoded bytes ('+' is a space).
  Headers headers;
  std::vector<std::pair<std::string, std::string>> path_parameters;  // Filled by the router.
  std::string peer;                                                  // "127.0.0.1:40022"
  BodyReader* body = nullptr;                                        // Never null in a handler.
  AnswerStore* store = nullptr;  // Of the handler's thread; nullptr: there is none.
  // Requested when the client has gone or the server closes the connection: pass it to every wait
  // that could be long (a feed without news), so that the handler ends.
  std::stop_token gone;

  // First value of a query parameter, or nullopt.
  std::optional<std::string_view> Query(std::string_view name) const;
  // REQUIRES: the route has this {parameter}.
  std::string_view PathParameter(std::string_view name) const;
};

// Where a handler writes its one answer: Send, or Start, Write any number of times, End.
// A handler that answers nothing gives 500. Compression, Content-Length or chunking, Date and
// keep-alive are the server's business. For HEAD the server drops the body.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  virtual env::Task<Status> Send(int status, Headers headers, std::string body) = 0;
  // The same for a body that others may be sending too. It is not copied where that can be avoided.
  virtual env::Task<Status> SendShared(int status, Headers headers, AnswerStore::Body body) {
    return Send(status, std::move(headers), *body);
  }
  virtual env::Task<Status> Start(int status, Headers headers) = 0;
  // Waits while the client reads slowly. Errors: kUnavailable when it has gone; stop then.
  virtual env::Task<Status> Write(std::string piece) = 0;
  virtual env::Task<Status> End() = 0;
  // Status of the answer given, 0 while there is none.
  virtual int status() const = 0;
};

using Handler = std::function<env::Task<void>(Request&, ResponseWriter&)>;

struct RouteOptions {
  std::size_t body_bytes_max = 1 << 20;  // After decompression. Over it: 413.
};

// Finds the handler for a request. Filled before serving, constant afterwards; then thread-safe.
class Router {
 public:
  // `pattern` is "/api/v1/views/{view}/tree": literal segments and {parameters}, which match one
  // segment each, never an empty one. A final slash is optional in requests. Literals win over
  // parameters; a parameter is tried where the literal leads to no route of this method.
  // REQUIRES: method and pattern are not there yet.
  void Add(std::string method, std::string pattern, Handler handler, RouteOptions options = {});

  struct Match {
    const Handler* handler = nullptr;
    RouteOptions options;
    std::vector<std::pair<std::string, std::string>> parameters;
    std::string pattern;               // For metrics: bounded in number. Empty: no route.
    std::vector<std::string> allowed;  // Path known, method not: what would be right (405).
  };
  // HEAD falls back to GET. O(segments), and at worst O(routes).
  Match Find(std::string_view method, std::string_view path) const;

  // Method and pattern of every route, in no order that means anything.
  std::vector<std::pair<std::string, std::string>> Routes() const;

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
    std::unique_ptr<Node> parameter;
    struct Route {
      Handler handler;
      RouteOptions options;
      std::string pattern;
      std::vector<std::string> parameter_names;
    };
    std::map<std::string, Route, std::less<>> methods;
  };
  struct Search;
  Node root_;
};

}  // namespace fustor::http
