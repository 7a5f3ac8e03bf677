// handoff.h: tells ThreadSanitizer what gRPC, packaged without it, keeps from it: that what was
// done before an operation was started has happened before the reaction to it. Private to
// adapters/grpc.
//
// Nothing at all in other builds. Thread-safe.
#pragma once

#if __has_feature(thread_sanitizer)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace fustor::grpc {

// Call before a read, a write, the end or the call itself is started. `call` names what is shared.
inline void HandOver([[maybe_unused]] void* call) {
#if __has_feature(thread_sanitizer)
  __tsan_release(call);
#endif
}

// Call first in the last of what gRPC calls for `call`.
inline void TakeOver([[maybe_unused]] void* call) {
#if __has_feature(thread_sanitizer)
  __tsan_acquire(call);
#endif
}

// Make one first in each of the other functions that gRPC calls for `call`.
class Reaction {
 public:
  explicit Reaction(void* call) : call_(call) { TakeOver(call_); }
  Reaction(const Reaction&) = delete;
  ~Reaction() { HandOver(call_); }

 private:
  void* const call_;
};

}  // namespace fustor::grpc
