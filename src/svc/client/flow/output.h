// output.h: what a command prints, gathered into large pieces.
//
// Not thread-safe. The terminal must outlive it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "svc/client/core/node.h"
#include "svc/client/ports.h"

namespace fustor::client {

class Output {
 public:
  explicit Output(Terminal& terminal) : terminal_(terminal) {}

  // False: nobody takes more, or writing failed; what is added is dropped.
  bool open() const { return status_.ok(); }
  void Add(std::string_view bytes);
  // What was added so far is printed now: for output that goes on. Notices, too, when there was
  // nothing to print, that nobody reads any more.
  void FlushNow();
  // Errors: why writing failed. That nobody reads any more is no failure.
  Status Finish();

  // "fustor: <text>", after what was printed so far. `text` is fit for a terminal.
  void Complain(std::string_view text);

  bool interactive() const { return terminal_.interactive(); }
  std::size_t columns() const { return terminal_.columns(); }
  // A name as it is printed: quoted on a terminal, raw bytes elsewhere.
  std::string Shown(std::string_view name) const;
  // The same in the colour of its kind, where there are colours.
  std::string Painted(std::string_view name, const EntryAttrs& attrs) const;

 private:
  void Flush();

  Terminal& terminal_;
  std::string text_;
  Status status_;
};

}  // namespace fustor::client
