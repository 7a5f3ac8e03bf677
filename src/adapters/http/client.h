// client.h: asks one HTTP server, over connections that are used again.
//
// A Client lives on one ThreadExecutor, but its tasks may be awaited on any: they resume where they
// were awaited. Thread-safe. Answers in gzip or zstd come decoded. Redirects are not followed.
//
// Failures name host and port and what failed. kUnavailable and kDeadlineExceeded of a request that
// changes something mean "may have happened": only GET, HEAD, PUT, DELETE and OPTIONS are sent a
// second time, and only when a connection that had been idle turns out to be closed.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "adapters/asio/executor.h"
#include "base/result.h"
#include "base/time.h"
#include "env/task.h"
#include "lib/http/http.h"
#include "lib/http/text.h"

namespace fustor::http {

struct ClientOptions {
  Nanos connect_timeout = Seconds(5);
  std::size_t header_bytes_max = 64 << 10;
  std::size_t idle_connections_max = 4;
  Nanos idle_timeout = Seconds(60);   // Older idle connections are not used again.
  std::string ca_file = {};           // PEM. Empty: the system's authorities.
  std::string certificate_file = {};  // PEM. Shown to a server that asks for it; with key_file.
  std::string key_file = {};
  std::string server_name = {};  // Asked for and expected. Empty: the host of the URL.
  bool verify = true;            // False: any certificate will do. For tests and emergencies.
  std::string user_agent = "fustor";
};

struct ClientRequest {
  std::string method = "GET";
  std::string target = {};  // "/api?x=1". Empty: that of the client's URL.
  Headers headers = {};     // Host, Content-Length, Accept-Encoding and User-Agent are added.
  std::string body = {};
  Coding body_coding = Coding::kIdentity;   // The body is sent coded so.
  Nanos timeout = Seconds(30);              // Send: all of it. Open: until the head of the answer.
  Nanos read_timeout = Seconds(60);         // Open: longest wait for the next piece.
  std::size_t answer_bytes_max = 64 << 20;  // Send only; decoded.
  std::stop_token stop = {};                // Ends the call, until Send or Open has returned.
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

// An answer whose body is read piece by piece. Destroying it early closes the connection.
class ClientStream : public BodyReader {
 public:
  virtual int status() const = 0;
  virtual const Headers& headers() const = 0;
};

class Client {
 public:
  virtual ~Client() = default;

  // For "http://host:port" or "https://host", with or without a path. Connects when first needed.
  // REQUIRES: `executor` outlives the client and its streams; no task of it is running when it is
  // destroyed. Errors: kInvalidArgument (URL), kNotFound or kInvalidArgument (a file of TLS).
  static Result<std::unique_ptr<Client>> For(asio::ThreadExecutor& executor, std::string_view url,
                                             ClientOptions options = {});

  // Any status is an answer, not an error. Errors: kUnavailable (refused, lost, unknown host),
  // kDeadlineExceeded, kResourceExhausted (answer too large), kInvalidArgument (malformed request
  // or answer), kCancelled (stop was requested).
  virtual env::Task<Result<ClientResponse>> Send(ClientRequest request) = 0;
  // For long answers: returns when their head is there. Errors: as for Send.
  virtual env::Task<Result<std::unique_ptr<ClientStream>>> Open(ClientRequest request) = 0;
  // "host:port".
  virtual const std::string& authority() const = 0;
};

// One request from a program that has nothing else to do, on a thread made for it. `url` carries
// the target. Errors: as for Client.
Result<ClientResponse> Fetch(std::string_view url, ClientRequest request,
                             ClientOptions options = {});
// The same for long answers: `on_piece` gets the body piece by piece, and false from it ends the
// call well. The returned body is empty.
Result<ClientResponse> FetchPieces(std::string_view url, ClientRequest request,
                                   std::function<bool(int status, std::string_view)> on_piece,
                                   ClientOptions options = {});

}  // namespace fustor::http
