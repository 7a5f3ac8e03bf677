#include "svc/fusion/core/numbered_batches.h"

#include <string>
#include <utility>

namespace fustor::fusion {

using batch::Batch;
using batch::DirBlock;

namespace {

// Rows stay strictly sorted, whatever comes.
void Append(const DirBlock& more, DirBlock* block) {
  block->complete = block->complete && more.complete;
  for (std::size_t i = 0; i < more.rows.size(); ++i) {
    const std::string_view name = more.rows.name(i);
    if (block->rows.empty() || block->rows.name(block->rows.size() - 1) < name) {
      block->rows.Append(name, more.rows.attrs(i), more.rows.target(i));
    } else {
      block->complete = false;
    }
  }
}

}  // namespace

Result<std::vector<Batch>> NumberedBatches::Take(Batch batch, Part part) {
  const std::uint64_t sequence = batch.sequence;
  const bool known =
      sequence <= last_sequence_ || (sequence == last_sequence_ + 1 && part.part < next_part_);
  if (known) return std::vector<Batch>();
  if (sequence != last_sequence_ + 1 || part.part != next_part_) {
    return Status(Code::kFailedPrecondition,
                  "batch " + std::to_string(sequence) + " came after batch " +
                      std::to_string(last_sequence_) + ": something between them is missing");
  }
  FUSTOR_TRY(Add(std::move(batch), part.continues));
  ++next_part_;
  std::vector<Batch> whole;
  if (next_part_ < part.parts) return whole;
  whole.push_back(*std::move(partial_));
  partial_.reset();
  last_sequence_ = sequence;
  next_part_ = 0;
  return whole;
}

Status NumberedBatches::Add(Batch batch, bool continues) {
  if (!partial_) {
    partial_ = std::move(batch);
    return {};
  }
  if (partial_->row_count() + batch.row_count() > kRowsMax) {
    return {Code::kInvalidArgument, "the parts of this batch hold too many rows"};
  }
  for (batch::Change& change : batch.changes) partial_->changes.push_back(std::move(change));
  for (DirBlock& block : batch.blocks) {
    const bool goes_on = std::exchange(continues, false) && !partial_->blocks.empty() &&
                         partial_->blocks.back().path == block.path;
    if (goes_on) {
      Append(block, &partial_->blocks.back());
    } else {
      partial_->blocks.push_back(std::move(block));
    }
  }
  return {};
}

}  // namespace fustor::fusion
