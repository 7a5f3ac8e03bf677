// tls.h: certificates and rules for TLS connections (1.2 or newer, OpenSSL).
//
// Constant after creation, shared by connections; thread-safe.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace boost::asio::ssl {
class context;
}

namespace fustor::http {

class Tls {
 public:
  virtual ~Tls() = default;
  // For a server. PEM files; the certificate file may carry the chain.
  // Errors: kNotFound (a file is missing or cannot be read), kInvalidArgument (not PEM, or the key
  // is not the certificate's); the message names the file.
  static Result<std::shared_ptr<Tls>> ForServer(const std::string& certificate_file,
                                                const std::string& key_file);
  // For a client. Certificates are checked against `ca_file`, or the system's authorities when it
  // is empty; not at all when `verify` is false.
  // Errors: as above.
  static Result<std::shared_ptr<Tls>> ForClient(const std::string& ca_file, bool verify);

  virtual boost::asio::ssl::context& context() = 0;
  virtual bool verifies() const = 0;
};

}  // namespace fustor::http
