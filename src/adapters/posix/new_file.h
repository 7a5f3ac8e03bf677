// new_file.h: a file that is written piece by piece and is there as a whole or not at all.
//
// Blocking. One thread at a time. Until Commit the file has no name, where the file system can do
// that: then nothing is left of it, however the program ends. Else it is called
// ".<name>.tmp-<number>" and is removed with the object. What was at the path stays until Commit
// puts the new content, synced, in its place; a symlink is followed. What is there and is no
// regular file (a FIFO, /dev/stdout) is written to as it is.
#pragma once

#include <string>
#include <string_view>

#include "adapters/posix/fd.h"
#include "base/result.h"

namespace fustor::posix {

class NewFile {
 public:
  // Errors: kInvalidArgument (a directory, or no name), kNotFound (no such folder),
  // kPermissionDenied, kResourceExhausted.
  static Result<NewFile> Create(const std::string& path);
  NewFile(NewFile&& other) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  // All of it. Errors: kResourceExhausted (the disk is full), kCancelled (nobody reads the FIFO),
  // kUnavailable.
  Status Write(std::string_view bytes);
  // Nothing can be written any more. Errors: as for Write and Create.
  Status Commit();

 private:
  NewFile() = default;
  Status OpenTemporary();
  Status PutInPlace();

  Fd file_;
  std::string path_;       // Of what is to be replaced. Empty: `file_` itself is written to.
  std::string temporary_;  // Its name until Commit; empty: it has none.
  unsigned mode_ = 0;      // Of what was there; 0: nothing was.
};

}  // namespace fustor::posix
