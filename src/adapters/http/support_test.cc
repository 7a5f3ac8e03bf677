#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>

#include "adapters/http/codec.h"
#include "adapters/http/test_support.h"
#include "lib/http/chunked.h"
#include "lib/http/text.h"

namespace fustor::http {

RawClient::RawClient(std::uint16_t port, int receive_bytes) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
  if (receive_bytes > 0) {
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
  }
  const timeval patience{20, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
}

RawClient::~RawClient() { close(fd_); }

bool RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void RawClient::ShutdownSend() { shutdown(fd_, SHUT_WR); }

void RawClient::Reset() {
  const linger hard{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  close(fd_);
  fd_ = -1;
}

bool RawClient::Fill() {
  char bytes[64 << 10];
  const ssize_t n = recv(fd_, bytes, sizeof(bytes), 0);
  if (n <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(n));
  return true;
}

std::string RawClient::Receive(std::size_t bytes_max) {
  if (buffer_.empty() && !Fill()) return "";
  const std::string taken = buffer_.substr(0, bytes_max);
  buffer_.erase(0, taken.size());
  return taken;
}

std::string RawClient::ReceiveAll() {
  while (Fill()) {
  }
  return std::exchange(buffer_, "");
}

std::string RawClient::Answer::Header(std::string_view name) const {
  std::size_t at = head.find("\r\n");
  while (at != std::string::npos && at + 2 < head.size()) {
    at += 2;
    const std::size_t end = head.find("\r\n", at);
    const std::string_view line = std::string_view(head).substr(at, end - at);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && EqualsIgnoringCase(line.substr(0, colon), name)) {
      return std::string(Trim(line.substr(colon + 1)));
    }
    at = end;
  }
  return "";
}

RawClient::Answer RawClient::ReceiveAnswer(bool to_head) {
  Answer answer;
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return answer;
  }
  answer.head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  std::from_chars(answer.head.data() + 9, answer.head.data() + 12, answer.status);
  if (to_head || answer.status == 204 || answer.status == 100) return answer;
  if (answer.Header("Transfer-Encoding") == "chunked") {
    ChunkDecoder decoder;
    while (!decoder.done()) {
      std::string_view rest = buffer_;
      const Result<std::string_view> piece = decoder.Next(rest);
      if (!piece.ok()) {
        ADD_FAILURE() << "malformed chunks";
        return answer;
      }
      answer.body += *piece;
      buffer_ = std::string(rest);
      if (buffer_.empty() && !decoder.done() && !Fill()) {
        answer.status = -answer.status;  // Cut off.
        return answer;
      }
    }
    return answer;
  }
  const std::size_t size = std::strtoull(answer.Header("Content-Length").c_str(), nullptr, 10);
  while (buffer_.size() < size && Fill()) {
  }
  answer.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return answer;
}

TestCertificate::TestCertificate() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  const unsigned char host[] = "localhost";
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host, -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, EVP_sha256());

  const std::string base = ::testing::TempDir() + "fustor_http_" + std::to_string(getpid()) + "_" +
                           std::to_string(reinterpret_cast<std::uintptr_t>(this));
  certificate_file = base + ".crt";
  key_file = base + ".key";
  FILE* file = fopen(certificate_file.c_str(), "w");
  PEM_write_X509(file, certificate);
  fclose(file);
  file = fopen(key_file.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

TestCertificate::~TestCertificate() {
  unlink(certificate_file.c_str());
  unlink(key_file.c_str());
}

std::string Gzip(std::string_view text) {
  std::string out;
  MakeEncoder(Coding::kGzip)->Encode(text, Encoder::Flush::kEnd, out);
  return out;
}

std::string Zstd(std::string_view text) {
  std::string out;
  MakeEncoder(Coding::kZstd)->Encode(text, Encoder::Flush::kEnd, out);
  return out;
}

std::string Decoded(Coding coding, std::string_view bytes) {
  const auto decoder = MakeDecoder(coding);
  std::string out;
  for (;;) {
    const std::size_t before = out.size();
    if (!decoder->Decode(bytes, out, 10'000).ok()) return "BROKEN";
    if (out.size() - before < 10'000 && bytes.empty()) break;
  }
  return decoder->AtEnd() ? out : "BROKEN";
}

}  // namespace fustor::http
