// messages.h: what `fustor up` tells the person who started it. One thread.
//
// Text goes to stdout, what goes wrong to stderr. On a terminal the progress of the first scan is
// one line that changes; elsewhere only its end is told.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/up/home.h"
#include "apps/up/roots.h"
#include "base/result.h"
#include "base/time.h"
#include "env/tree.h"

namespace fustor::up {

class Messages {
 public:
  struct Progress {
    std::uint64_t entries = 0;
    Nanos elapsed{0};
  };

  // `program` is how the user calls us. Quiet: errors only.
  Messages(std::string program, bool quiet);

  void PortBusy(std::uint16_t port);
  void Started(const Home& home, const std::vector<Root>& roots, const std::string& url);
  void Show(const Progress& progress);
  // `trees` in the order of the roots.
  void Ready(const Progress& progress, const std::vector<Root>& roots,
             const std::vector<env::Tree::Info>& trees);
  void Stopping();
  void Failed(const Status& status);

 private:
  void Print(const std::string& text);
  void ClearLine();

  const std::string program_;
  const bool quiet_;
  const bool terminal_;
  bool line_open_ = false;
};

}  // namespace fustor::up
