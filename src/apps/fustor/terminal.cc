#include <charconv>
#include <cstdlib>

#include "adapters/posix/console.h"
#include "adapters/posix/process.h"
#include "apps/fustor/system.h"

namespace fustor {
namespace {

constexpr int kStdout = 1;
constexpr int kStderr = 2;

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class ConsoleTerminal final : public client::Terminal {
 public:
  ConsoleTerminal() : interactive_(posix::IsTerminal(kStdout)) {
    colours_ = interactive_ && Variable("NO_COLOR").empty() && Variable("TERM") != "dumb";
    const std::string_view columns = Variable("COLUMNS");
    std::from_chars(columns.data(), columns.data() + columns.size(), columns_);
    if (columns_ == 0) columns_ = posix::TerminalWidth(kStdout).value_or(80);
  }

  Status Write(std::string_view bytes) override { return posix::WriteFully(kStdout, bytes); }
  // There is nobody left to tell when this fails.
  void WriteError(std::string_view text) override { (void)posix::WriteFully(kStderr, text); }
  bool has_reader() const override { return posix::HasReader(kStdout); }
  bool interactive() const override { return interactive_; }
  bool colours() const override { return colours_; }
  std::size_t columns() const override { return columns_; }
  bool errors_interactive() const override { return posix::IsTerminal(kStderr); }

 private:
  const bool interactive_;
  bool colours_ = false;
  unsigned columns_ = 0;
};

}  // namespace

std::unique_ptr<client::Terminal> OpenTerminal() { return std::make_unique<ConsoleTerminal>(); }

}  // namespace fustor
