// file_streams.h: files that are too large to be held whole: written once from beginning to end,
// read likewise.
//
// Blocking; on an executor that is there for it. Sinks and sources are used by one thread at a
// time; FileStreams is thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fustor::env {

// A file that nobody sees before Commit. Destroyed without it, nothing remains.
class FileSink {
 public:
  virtual ~FileSink() = default;
  // Errors: kResourceExhausted (disk full, quota), kUnavailable (the disk fails). After one only
  // the destructor may follow.
  virtual Result<void> Append(std::string_view bytes) = 0;
  // The file takes its name, and the place of what had it before, as a whole and for good: after a
  // crash the old or the new one is there. REQUIRES: called once, last. Errors: as Append; then the
  // old one is there, or (only when the directory could not be synced) either.
  virtual Result<void> Commit() = 0;
};

class FileSource {
 public:
  virtual ~FileSource() = default;
  // The next bytes, at most `bytes_max`; fewer only at the end, none behind it. Errors: kDataLoss
  // (the disk cannot give them back), kUnavailable.
  virtual Result<std::string> Read(std::size_t bytes_max) = 0;
};

class FileStreams {
 public:
  virtual ~FileStreams() = default;
  // Errors: kPermissionDenied, kNotFound (no such folder), kResourceExhausted (disk full).
  virtual Result<std::unique_ptr<FileSink>> Create(const std::string& path, unsigned mode) = 0;
  // Errors: kNotFound, kPermissionDenied, kInvalidArgument (not a file).
  virtual Result<std::unique_ptr<FileSource>> Open(const std::string& path) = 0;
};

}  // namespace fustor::env
