#include "adapters/http/message.h"

#include <boost/beast/http/basic_parser.hpp>

#include "lib/http/text.h"

namespace fustor::http {
namespace {

namespace beast = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

std::string_view View(string_view text) { return {text.data(), text.size()}; }

// What both directions collect. Bodies never come here: only heads are put in.
template <bool is_request>
class Collector : public beast::basic_parser<is_request> {
 public:
  Headers headers;
  int hosts = 0;
  bool foreign_coding = false;
  std::string expect;

  // Errors: kInvalidArgument.
  Status Parse(std::string_view head) {
    // The size of heads is limited where they are read.
    this->header_limit(static_cast<std::uint32_t>(head.size() + 1));
    this->body_limit(boost::none);
    error_code error;
    const std::size_t taken = this->put(boost::asio::buffer(head.data(), head.size()), error);
    if (error) return Status(Code::kInvalidArgument, error.message());
    if (taken != head.size() || !this->is_header_done()) {
      return Status(Code::kInvalidArgument, "incomplete header");
    }
    return Status();
  }

  Framing framing() const {
    Framing framing;
    framing.chunked = this->chunked();
    framing.until_close = this->need_eof();
    if (!framing.chunked && !this->is_done()) {
      framing.content_bytes = this->content_length().value_or(0);
    }
    return framing;
  }

 protected:
  void on_field_impl(beast::field name, string_view name_text, string_view value,
                     error_code&) override {
    headers.Add(std::string(name_text), std::string(value));
    if (name == beast::field::host) ++hosts;
    if (name == beast::field::transfer_encoding) {
      foreign_coding = foreign_coding || !EqualsIgnoringCase(Trim(View(value)), "chunked");
    }
    if (name == beast::field::expect) expect = std::string(value);
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view, error_code&) override { return 0; }
  void on_finish_impl(error_code&) override {}
};

class RequestCollector final : public Collector<true> {
 public:
  bool http10 = false;
  std::string method;
  std::string_view target;

 private:
  void on_request_impl(beast::verb, string_view method_text, string_view target_text, int version,
                       error_code&) override {
    http10 = version < 11;
    method = method_text;
    target = View(target_text);
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
};

class ResponseCollector final : public Collector<false> {
 public:
  int code = 0;

 private:
  void on_request_impl(beast::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int status, string_view, int, error_code&) override { code = status; }
};

}  // namespace

std::size_t HeadSize(std::string_view data, std::size_t& scanned_bytes) {
  const std::size_t end = data.find("\r\n\r\n", scanned_bytes);
  if (end != std::string_view::npos) return end + 4;
  scanned_bytes = data.size() < 3 ? 0 : data.size() - 3;
  return 0;
}

Result<RequestHead> ParseRequestHead(std::string_view head) {
  RequestCollector parser;
  FUSTOR_TRY(parser.Parse(head));
  const bool http10 = parser.http10;
  if (parser.hosts > 1 || (parser.hosts == 0 && !http10)) {
    return Status(Code::kInvalidArgument, "there must be one Host header");
  }
  if (parser.foreign_coding) {
    return Status(Code::kUnimplemented, "Transfer-Encoding may only be chunked");
  }
  // Intermediaries disagree about these, which is how requests are smuggled (RFC 9112, 6.1).
  if (http10 && parser.chunked()) {
    return Status(Code::kInvalidArgument, "Transfer-Encoding in an HTTP/1.0 request");
  }
  const bool expects = !parser.expect.empty() && !http10;
  if (expects && !EqualsIgnoringCase(parser.expect, "100-continue")) {
    return Status(Code::kFailedPrecondition, "Expect may only be 100-continue");
  }
  RequestHead request;
  request.method = std::move(parser.method);
  request.target = parser.target;
  request.framing = parser.framing();
  request.headers = std::move(parser.headers);
  request.http10 = http10;
  request.keep_alive = parser.keep_alive();
  request.expects_continue = expects;
  return request;
}

Result<ResponseHead> ParseResponseHead(std::string_view head, bool to_head_request) {
  ResponseCollector parser;
  parser.skip(to_head_request);
  FUSTOR_TRY(parser.Parse(head));
  if (parser.foreign_coding) {
    return Status(Code::kInvalidArgument, "a transfer coding other than chunked");
  }
  if (parser.code < 100) return Status(Code::kInvalidArgument, "a status below 100");
  ResponseHead response;
  response.status = parser.code;
  response.framing = parser.is_done() ? Framing() : parser.framing();
  response.headers = std::move(parser.headers);
  response.keep_alive = parser.keep_alive();
  return response;
}

}  // namespace fustor::http
