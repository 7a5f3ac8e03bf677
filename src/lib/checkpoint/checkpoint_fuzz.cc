// Feeds arbitrary bytes to what reads checkpoints: as a file, and as frames whose checksums are
// right, which no writer of ours has written.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/fuzz_testing.h"
#include "lib/checkpoint/checkpoint_testing.h"

namespace fustor::checkpoint {
namespace {

constexpr std::uint64_t kEntriesMax = 100'000;

Status ApplyFrames(FuzzInput input, Loader* loader) {
  while (!input.empty() && !loader->complete()) {
    Frame frame;
    frame.type = "HRF?"[input.Below(4)];
    const std::size_t size = std::size_t{input.Byte()} << 8 | input.Byte();
    for (std::size_t i = 0; i < size && !input.empty(); ++i) {
      frame.payload += static_cast<char>(input.Byte());
    }
    FUSTOR_TRY(loader->Apply(frame));
  }
  return {};
}

void Check(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const bool frames = input.Flag();
  tree::Tree tree;
  Loader loader({.entries_max = kEntriesMax, .revision_min = 5}, tree);
  const Status status = frames ? ApplyFrames(input, &loader)
                               : LoadAll(input.rest(), 1 + input.rest().size() / 3, &loader);
  if (!loader.complete()) loader.Abandon();
  const Result<void> invariants = tree.CheckInvariants();
  FUSTOR_CHECK(invariants.ok(), invariants.status().message());
  if (!loader.complete()) {
    FUSTOR_CHECK(tree.memory().entries == 1, "part of a tree");
    return;
  }
  FUSTOR_CHECK(tree.revision() >= loader.header().revision && tree.revision() >= 5);
  // What has been read can be written, and is the same.
  const std::string again = EncodeAll(loader.header(), tree);
  tree::Tree copy;
  Loader second({}, copy);
  FUSTOR_CHECK(LoadAll(again, 1000, &second).ok());
  FUSTOR_CHECK(Dump(copy.Pin().value()) == Dump(tree.Pin().value()));
}

}  // namespace
}  // namespace fustor::checkpoint

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::checkpoint::Check(data, size);
  return 0;
}
