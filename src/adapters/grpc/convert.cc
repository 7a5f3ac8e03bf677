#include "adapters/grpc/convert.h"

#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/status.h>
#include <stdlib.h>

#include <memory>
#include <vector>

#include "adapters/grpc/handoff.h"

namespace fustor::grpc {
namespace {

// Below this, a copy costs less than another allocation with a destructor.
constexpr std::size_t kCopyBytes = 512;

// Before main: setenv is not safe once there are threads.
const int fork_support_off = setenv("GRPC_ENABLE_FORK_SUPPORT", "0", 1);
// Every error comes back as a status; lines of gRPC's own on stderr would stand between ours. Who
// looks for a fault in gRPC itself sets the variable.
const int own_log_off = setenv("GRPC_VERBOSITY", "NONE", 0);

}  // namespace

void PrepareLibrary() { FUSTOR_CHECK(fork_support_off == 0 && own_log_off == 0); }

void PutBytes(std::string bytes, ::grpc::ByteBuffer* buffer) {
  if (bytes.size() <= kCopyBytes) {
    const ::grpc::Slice slice(bytes.data(), bytes.size());
    *buffer = ::grpc::ByteBuffer(&slice, 1);
    return;
  }
  auto owner = std::make_unique<std::string>(std::move(bytes));
  const auto free_bytes = [](void* p) {
    TakeOver(p);
    delete static_cast<std::string*>(p);
  };
  char* const data = owner->data();
  const std::size_t size = owner->size();
  std::string* const handed = owner.release();
  HandOver(handed);  // From here on another thread may free it.
  const ::grpc::Slice slice(data, size, free_bytes, handed);
  *buffer = ::grpc::ByteBuffer(&slice, 1);
}

std::string TakeBytes(::grpc::ByteBuffer* buffer) {
  std::string bytes;
  std::vector<::grpc::Slice> slices;
  if (buffer->Valid() && buffer->Dump(&slices).ok()) {
    bytes.reserve(buffer->Length());
    for (const ::grpc::Slice& slice : slices) {
      bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
  }
  buffer->Clear();
  return bytes;
}

Status FromGrpc(const ::grpc::Status& status) {
  if (status.ok()) return Status();
  // gRPC's own words for a call that was reset: nobody here has cancelled it (or the caller of this
  // function knows), so the server is going away.
  if (status.error_code() == ::grpc::StatusCode::CANCELLED &&
      status.error_message() == "CANCELLED") {
    return Status(Code::kUnavailable, "the server has broken off the call");
  }
  const int code = static_cast<int>(status.error_code());
  const bool known = code > 0 && code <= static_cast<int>(Code::kUnauthenticated);
  return Status(known ? static_cast<Code>(code) : Code::kUnknown, status.error_message());
}

::grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return ::grpc::Status::OK;
  return ::grpc::Status(static_cast<::grpc::StatusCode>(status.code()), status.message());
}

Status CheckMetadata(const env::Metadata& metadata) {
  for (const auto& [key, value] : metadata) {
    const ::grpc::Slice key_slice(key.data(), key.size());
    const ::grpc::Slice value_slice(value.data(), value.size());
    grpc_slice k = key_slice.c_slice();
    grpc_slice v = value_slice.c_slice();
    const bool legal = grpc_header_key_is_legal(k) != 0 && !key.starts_with("grpc-") &&
                       (grpc_is_binary_header(k) != 0 || grpc_header_nonbin_value_is_legal(v) != 0);
    grpc_slice_unref(k);
    grpc_slice_unref(v);
    if (!legal) {
      return Status(Code::kInvalidArgument, "metadata \"" + key + "\" cannot be sent");
    }
  }
  return Status();
}

std::string PeerAddress(std::string_view uri) {
  for (const std::string_view scheme : {"ipv4:", "ipv6:"}) {
    if (uri.starts_with(scheme)) uri.remove_prefix(scheme.size());
  }
  std::string address;
  while (!uri.empty()) {
    if (uri.starts_with("%5B")) {
      address += '[';
      uri.remove_prefix(3);
    } else if (uri.starts_with("%5D")) {
      address += ']';
      uri.remove_prefix(3);
    } else {
      address += uri.front();
      uri.remove_prefix(1);
    }
  }
  return address;
}

Status TooLarge(std::size_t bytes) {
  return Status(Code::kResourceExhausted,
                "a message of " + std::to_string(bytes) + " bytes is over the limit");
}

}  // namespace fustor::grpc
