// What every program under a sanitizer runs with. Here and not in the environment, so that it holds
// however a program is started; ASAN_OPTIONS and the like still override single options.

extern "C" {

const char* __asan_default_options() {
  return "strict_string_checks=1:check_initialization_order=1:detect_invalid_pointer_pairs=2";
}

const char* __ubsan_default_options() { return "print_stacktrace=1"; }

const char* __tsan_default_options() {
  return "halt_on_error=1:second_deadlock_stack=1:history_size=4";
}

// gRPC and what it stands on are packaged without ThreadSanitizer, which sees neither their
// accesses nor (atomics, absl::Mutex) how they synchronise, only what they do through libc: that
// counts as no access. Nor do the standard library's functions when gRPC's headers call them to
// make a call or to start something on it. A race between two places of ours is reported wherever
// they were called from: no line may name a function that calls ours back. What gRPC hands from
// thread to thread, src/adapters/grpc/handoff.h says. A slice's last owner frees it by tail calls
// (nothing of gRPC is on the stack) after the other owners have read, ordered by gRPC's count; of
// ours it calls only the free of PutBytes.
const char* __tsan_default_suppressions() {
  return FUSTOR_TSAN_LIBRARIES
      "race:^grpc::internal::CallOpSet<\n"
      "race:^grpc::Slice::~Slice\n"
      "race:PrepareBidiStreamingCall\n"
      "race:^grpc::internal::ClientCallbackReaderWriterImpl<*>::Write\n"
      "race:^grpc::internal::ClientCallbackReaderWriterImpl<*>::Read(\n"
      "race:^grpc::internal::ClientCallbackReaderWriterImpl<*>::StartCall(\n"
      "race:^grpc::internal::CallbackUnaryCallImpl<\n"
      "race:^grpc::ServerBidiReactor<*>::InternalBindStream(\n";
}

}  // extern "C"
