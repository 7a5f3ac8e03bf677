// numbered_batches.h: the batches of a session whose agent posts them and numbers them by itself.
//
// Pure; one owner, one per session. A batch may come in parts, since one listing can be larger than
// one request; what has come of it is kept until it is whole, at most kRowsMax rows. A batch or
// part that comes again is not taken again: an agent that had no answer cannot know better.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "lib/batch/batch.h"

namespace fustor::fusion {

class NumberedBatches {
 public:
  static constexpr std::size_t kRowsMax = 2'000'000;

  struct Part {
    std::uint32_t part = 0;  // From 0.
    std::uint32_t parts = 1;
    bool continues = false;  // Its first listing goes on with the last one of the part before.
  };

  // What to deliver: the whole batch when this is its last part, nothing before that, and nothing
  // for what has come before. Errors: kFailedPrecondition (something before it is missing),
  // kInvalidArgument (too many rows in its parts).
  Result<std::vector<batch::Batch>> Take(batch::Batch batch, Part part);
  // Whether anything was taken.
  bool any() const { return last_sequence_ != 0 || next_part_ != 0; }

 private:
  Status Add(batch::Batch batch, bool continues);

  std::uint64_t last_sequence_ = 0;  // Of whole batches.
  std::uint32_t next_part_ = 0;      // Of the one after it.
  std::optional<batch::Batch> partial_;
};

}  // namespace fustor::fusion
