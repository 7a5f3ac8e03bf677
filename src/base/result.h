// result.h: how a call tells its caller that it failed.
//
// One Status type with gRPC's codes, one Result<T> over std::expected, and the TRY macros. A
// failure that a caller, a peer or the world can cause is a Result; a broken promise of our own is
// a FUSTOR_CHECK (check.h). Interfaces of the project throw no exceptions.
//
// Which code: kUnavailable = retry this call; kAborted = retry the whole operation;
// kFailedPrecondition = do not retry before something is repaired; kDataLoss = bytes are wrong.
// kDeadlineExceeded, kUnavailable and kCancelled of a call that writes mean "may have happened".
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace fustor {

// Names and numbers are gRPC's (https://grpc.io/docs/guides/status-codes/).
enum class Code : int {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "NOT_FOUND" and so on: the spelling of the gRPC documents.
std::string_view CodeName(Code code);

// A code and a sentence for a person. Ok has no message.
class [[nodiscard]] Status {
 public:
  Status() = default;
  // REQUIRES: code is not kOk.
  Status(Code code, std::string message);

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same failure, with what was being done put in front: "<doing>: <message>".
  Status Within(std::string_view doing) const;

  // "NOT_FOUND: no such view" or "OK".
  std::string ToString() const;

  friend bool operator==(const Status&, const Status&) = default;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

// A value or the Status that explains why there is none. Never holds an Ok status.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Status status) : state_(std::unexpected(std::move(status))) {  // NOLINT
    FUSTOR_CHECK(!state_.error().ok());
  }

  bool ok() const { return state_.has_value(); }

  // REQUIRES: ok().
  const T& value() const& {
    FUSTOR_CHECK(ok(), state_.error().message());
    return *state_;
  }
  T& value() & {
    FUSTOR_CHECK(ok(), state_.error().message());
    return *state_;
  }
  T&& value() && {
    FUSTOR_CHECK(ok(), state_.error().message());
    return *std::move(state_);
  }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

  T value_or(T other) const& { return ok() ? *state_ : std::move(other); }

  // Ok when a value is held.
  Status status() const { return ok() ? Status() : state_.error(); }

 private:
  std::expected<T, Status> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Status status) : status_(std::move(status)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return status_.ok(); }
  const Status& status() const& { return status_; }
  Status status() && { return std::move(status_); }

 private:
  Status status_;
};

}  // namespace fustor

#define FUSTOR_CONCAT_INNER(a, b) a##b
#define FUSTOR_CONCAT(a, b) FUSTOR_CONCAT_INNER(a, b)

// Returns the failure of `expr` (a Result or a Status) from the enclosing function.
#define FUSTOR_TRY(expr)                                         \
  do {                                                           \
    auto&& fustor_try = (expr);                                  \
    if (!fustor_try.ok()) return ::fustor::AsStatus(fustor_try); \
  } while (false)

// FUSTOR_TRY_ASSIGN(auto block, ReadBlock(7));
#define FUSTOR_TRY_ASSIGN(decl, expr) \
  FUSTOR_TRY_ASSIGN_INNER(FUSTOR_CONCAT(fustor_try_, __LINE__), decl, expr, return)
#define FUSTOR_TRY_ASSIGN_INNER(name, decl, expr, ret) \
  auto name = (expr);                                  \
  if (!name.ok()) ret name.status();                   \
  decl = std::move(name).value()

// The same inside coroutines.
#define FUSTOR_CO_TRY(expr)                                         \
  do {                                                              \
    auto&& fustor_try = (expr);                                     \
    if (!fustor_try.ok()) co_return ::fustor::AsStatus(fustor_try); \
  } while (false)
#define FUSTOR_CO_TRY_ASSIGN(decl, expr) \
  FUSTOR_TRY_ASSIGN_INNER(FUSTOR_CONCAT(fustor_try_, __LINE__), decl, expr, co_return)

namespace fustor {
inline const Status& AsStatus(const Status& status) { return status; }
template <class T>
Status AsStatus(const Result<T>& result) {
  return result.status();
}
}  // namespace fustor
