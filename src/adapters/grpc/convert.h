// convert.h: bytes and statuses between gRPC's types and ours. Private to adapters/grpc.
#pragma once

#include <string>

#include "base/result.h"
#include "env/transport.h"

namespace grpc {
class ByteBuffer;
class Status;
}  // namespace grpc

namespace fustor::grpc {

// The string's bytes become the buffer's only slice; a small string is copied.
void PutBytes(std::string bytes, ::grpc::ByteBuffer* buffer);
// Empties the buffer. One copy.
std::string TakeBytes(::grpc::ByteBuffer* buffer);

// Of a call that was not cancelled by its caller: a reset is kUnavailable.
Status FromGrpc(const ::grpc::Status& status);
::grpc::Status ToGrpc(const Status& status);

// Errors: kInvalidArgument for a key or value that HTTP/2 cannot carry: gRPC aborts the process
// when it meets one.
Status CheckMetadata(const env::Metadata& metadata);

// "ipv4:127.0.0.1:40022" -> "127.0.0.1:40022"; "ipv6:%5B::1%5D:40022" -> "[::1]:40022".
std::string PeerAddress(std::string_view uri);

Status TooLarge(std::size_t bytes);
// Makes sure that gRPC starts without its fork handlers and writes nothing to stderr.
void PrepareLibrary();

}  // namespace fustor::grpc
