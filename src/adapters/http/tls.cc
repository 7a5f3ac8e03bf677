#include "adapters/http/tls.h"

#include <unistd.h>

#include <boost/asio/ssl/context.hpp>

namespace fustor::http {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

class Context final : public Tls {
 public:
  Context(ssl::context::method method, bool verify) : context_(method), verify_(verify) {
    context_.set_options(ssl::context::no_compression);
    SSL_CTX_set_options(context_.native_handle(), SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION);
    // Idle connections then hold no record buffers (about 34 KiB each).
    SSL_CTX_set_mode(context_.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  }
  ssl::context& context() override { return context_; }
  bool verifies() const override { return verify_; }

 private:
  ssl::context context_;
  bool verify_;
};

Status Check(const error_code& error, std::string_view what, const std::string& file) {
  if (!error) return Status();
  if (access(file.c_str(), R_OK) != 0) {
    return Status(Code::kNotFound, std::string(what) + " " + file + " cannot be read");
  }
  return Status(Code::kInvalidArgument,
                std::string(what) + " " + file + " is not usable: " + error.message());
}

// The certificate and its key, which a side shows of itself.
Status Show(ssl::context& context, const std::string& certificate_file,
            const std::string& key_file) {
  error_code error;
  context.use_certificate_chain_file(certificate_file, error);
  FUSTOR_TRY(Check(error, "certificate file", certificate_file));
  context.use_private_key_file(key_file, ssl::context::pem, error);
  return Check(error, "key file", key_file);
}

}  // namespace

Result<std::shared_ptr<Tls>> Tls::ForServer(const std::string& certificate_file,
                                            const std::string& key_file) {
  auto tls = std::make_shared<Context>(ssl::context::tls_server, false);
  FUSTOR_TRY(Show(tls->context(), certificate_file, key_file));
  return std::shared_ptr<Tls>(std::move(tls));
}

Result<std::shared_ptr<Tls>> Tls::ForClient(const ClientFiles& files, bool verify) {
  auto tls = std::make_shared<Context>(ssl::context::tls_client, verify);
  if (!files.certificate_file.empty() || !files.key_file.empty()) {
    FUSTOR_TRY(Show(tls->context(), files.certificate_file, files.key_file));
  }
  error_code error;
  if (!verify) return std::shared_ptr<Tls>(std::move(tls));
  tls->context().set_verify_mode(ssl::verify_peer, error);
  if (files.ca_file.empty()) {
    tls->context().set_default_verify_paths(error);
    if (error) return Status(Code::kNotFound, "no system certificates: " + error.message());
  } else {
    tls->context().load_verify_file(files.ca_file, error);
    FUSTOR_TRY(Check(error, "authority file", files.ca_file));
  }
  return std::shared_ptr<Tls>(std::move(tls));
}

}  // namespace fustor::http
