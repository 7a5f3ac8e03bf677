// tree_impl.h: what Tree owns. See writer.h.
#pragma once

#include "lib/tree/tree.h"
#include "lib/tree/writer.h"

namespace fustor::tree {

class Tree::Impl : public Writer {
 public:
  using Writer::Writer;
};

}  // namespace fustor::tree
