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
  struct ClientFiles {
    std::string ca_file;           // Whom to trust. Empty: the system's authorities.
    std::string certificate_file;  // Shown to a server that asks. Empty: none.
    std::string key_file;          // Of the certificate.
  };
  // For a client. Nobody is checked when `verify` is false.
  // Errors: as above.
  static Result<std::shared_ptr<Tls>> ForClient(const ClientFiles& files, bool verify);

  virtual boost::asio::ssl::context& context() = 0;
  virtual bool verifies() const = 0;
};

}  // namespace fustor::http
