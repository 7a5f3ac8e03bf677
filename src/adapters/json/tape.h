// tape.h: JSON text onto a tape (lib/json/tape.h), by simdjson.
//
// Strict as parse.h. One gigabyte of rows takes one to two seconds.
#pragma once

#include <memory>

#include "lib/json/tape.h"

namespace fustor::json {

// Keeps its memory between documents, up to four times the bytes of the largest one that is not
// over 64 MiB.
std::unique_ptr<TapeParser> MakeTapeParser();

}  // namespace fustor::json
