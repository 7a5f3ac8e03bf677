// zstd.h: batch::Compressor by Zstandard. Deterministic. One thread at a time.
#pragma once

#include <memory>

#include "lib/batch/compressor.h"

namespace fustor::zstd {

// Keeps its working memory (about 1 MiB at level 1) between calls.
std::unique_ptr<batch::Compressor> MakeCompressor(int level = 1);

}  // namespace fustor::zstd
