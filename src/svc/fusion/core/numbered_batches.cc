#include "svc/fusion/core/numbered_batches.h"

#include <string>
#include <utility>

namespace fustor::fusion {

using batch::Batch;
using batch::DirBlock;

Result<std::vector<Batch>> NumberedBatches::Take(Batch batch, std::uint32_t part,
                                                 std::uint32_t parts) {
  const std::uint64_t sequence = batch.sequence;
  const bool known =
      sequence <= last_sequence_ || (sequence == last_sequence_ + 1 && part < next_part_);
  if (known) return std::vector<Batch>();
  if (sequence != last_sequence_ + 1 || part != next_part_) {
    return Status(Code::kFailedPrecondition,
                  "batch " + std::to_string(sequence) + " came after batch " +
                      std::to_string(last_sequence_) + ": something between them is missing");
  }
  FUSTOR_TRY(Add(std::move(batch)));
  ++next_part_;
  std::vector<Batch> whole;
  if (next_part_ < parts) return whole;
  whole.push_back(*std::move(partial_));
  partial_.reset();
  last_sequence_ = sequence;
  next_part_ = 0;
  return whole;
}

// A listing goes on where the part before has ended; its last part says whether it is complete.
Status NumberedBatches::Add(Batch part) {
  if (!partial_) {
    partial_ = std::move(part);
    return {};
  }
  if (partial_->row_count() + part.row_count() > kRowsMax) {
    return {Code::kInvalidArgument, "the parts of this batch hold too many rows"};
  }
  for (batch::Change& change : part.changes) partial_->changes.push_back(std::move(change));
  for (DirBlock& block : part.blocks) {
    DirBlock* const open = partial_->blocks.empty() ? nullptr : &partial_->blocks.back();
    if (open == nullptr || open->path != block.path) {
      partial_->blocks.push_back(std::move(block));
      continue;
    }
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      // Rows stay strictly sorted, whatever comes.
      const std::string_view name = block.rows.name(i);
      const bool follows = open->rows.empty() || open->rows.name(open->rows.size() - 1) < name;
      if (follows) {
        open->rows.Append(name, block.rows.attrs(i), block.rows.target(i));
      } else {
        block.complete = false;
      }
    }
    open->complete = open->complete && block.complete;
  }
  return {};
}

}  // namespace fustor::fusion
