// answers.h: the answers that every service gives: JSON, failures, what a Status means in HTTP.
//
// Pure but for the coroutines that send. Failures are {"detail": "..."} with Content-Type
// application/json.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "env/task.h"
#include "lib/http/http.h"

namespace fustor::http {

// kInvalidArgument 400, kUnauthenticated 401, kPermissionDenied 403, kNotFound 404, kAlreadyExists,
// kAborted and kFailedPrecondition 409, kOutOfRange 400, kResourceExhausted 429, kUnimplemented
// 501, kUnavailable 503, kDeadlineExceeded 504, kCancelled 499, else 500. REQUIRES: not kOk.
int HttpStatus(Code code);

// For a failure of BodyReader: 400, 408, 413 (kResourceExhausted), 415 (kUnimplemented).
int HttpStatusOfBodyFailure(Code code);

// {"detail": "<text>"}; bytes that are not UTF-8 become U+FFFD.
std::string DetailJson(std::string_view text);

// Content-Type: application/json.
Headers JsonHeaders();

env::Task<Status> SendJson(ResponseWriter& writer, int status, std::string json);
env::Task<Status> SendDetail(ResponseWriter& writer, int status, std::string detail);
// SendDetail with HttpStatus(failure.code()) and its message. REQUIRES: failure is not ok.
env::Task<Status> SendFailure(ResponseWriter& writer, Status failure);

}  // namespace fustor::http
