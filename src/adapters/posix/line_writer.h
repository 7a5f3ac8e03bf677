// line_writer.h: writes texts to a file or a descriptor on a thread of its own, so that a reader
// who stands still (a terminal that is stopped, a full pipe) holds up nobody else.
//
// Thread-safe. Owns its thread and its file; one text at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace fustor::posix {

class LineWriter {
 public:
  virtual ~LineWriter() = default;
  // Writes all of it, or fails; `done` is called on the writer's thread, or at once with
  // kResourceExhausted when one is being written, or kCancelled. A file that is full or gone is
  // kUnavailable.
  virtual void Write(std::string text, std::function<void(Status)> done) = 0;
  // What is being written ends with kCancelled, perhaps in the middle of a line; later ones are not
  // touched.
  virtual void Cancel() = 0;
};

// Appends to the file, which is made if need be, readable for its owner only. Errors: what open
// says.
Result<std::unique_ptr<LineWriter>> AppendLines(const std::string& file);
// To the standard output.
Result<std::unique_ptr<LineWriter>> PrintLines();

}  // namespace fustor::posix
