#include "apps/up/messages.h"

#include <cstdio>
#include <utility>

#include "adapters/posix/process.h"
#include "lib/http/text.h"
#include "svc/client/core/words.h"

namespace fustor::up {
namespace {

// 1234567 -> "1,234,567"
std::string Grouped(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

std::string InSeconds(Nanos duration) {
  const std::int64_t tenths = duration.count() / 100'000'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

std::uint64_t PerSecond(const Messages::Progress& progress) {
  const double seconds = static_cast<double>(progress.elapsed.count()) / 1e9;
  return seconds <= 0 ? 0
                      : static_cast<std::uint64_t>(static_cast<double>(progress.entries) / seconds);
}

}  // namespace

Messages::Messages(std::string program, bool quiet)
    : program_(std::move(program)), quiet_(quiet), terminal_(posix::IsTerminal(1)) {}

void Messages::Print(const std::string& text) {
  if (quiet_) return;
  ClearLine();
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

void Messages::ClearLine() {
  if (!std::exchange(line_open_, false)) return;
  std::fputs("\r\033[K", stdout);
}

void Messages::PortBusy(std::uint16_t port) {
  Print("Port " + std::to_string(port) + " is in use; taking a free one.\n");
}

void Messages::Started(const Home& home, const std::vector<Root>& roots, const std::string& url) {
  std::string text;
  if (home.first_start()) text += "Made " + home.directory() + " with a new key.\n";
  for (const Root& root : roots) {
    text += "Looking at " + client::QuotedName(root.directory) + " (view " + root.view + ")\n";
  }
  text += "Listening on " + url + "\n";
  // The key is for eyes, not for files that the output may go to. A browser sends no fragment.
  text +=
      "Web page: " + url + "/ui/" +
      (terminal_ ? "#key=" + http::PercentEncode(home.key())
                 : ", which asks for the key in " + client::QuotedName(home.directory() + "/key")) +
      "\n";
  Print(text);
}

void Messages::Show(const Progress& progress) {
  if (!terminal_ || quiet_) return;
  Print("  " + Grouped(progress.entries) + " entries, " + Grouped(PerSecond(progress)) + "/s");
  line_open_ = true;
}

void Messages::Ready(const Progress& progress, const std::vector<Root>& roots,
                     const std::vector<env::Tree::Info>& trees) {
  std::string text = "Ready after " + InSeconds(progress.elapsed) + ": " +
                     Grouped(progress.entries) + " entries.\n";
  for (std::size_t i = 0; i < trees.size(); ++i) {
    text += "Changes in " + client::QuotedName(roots[i].directory) + " are seen by " +
            trees[i].watch_mechanism + ".";
    if (!trees[i].watch_limits.empty()) text += " " + trees[i].watch_limits;
    text += "\n";
  }
  const std::string place = client::QuotedName(roots.front().directory);
  text += "\nTry, in another terminal:\n";
  text += "  " + program_ + " tree -L 2 " + place + "\n";
  text += "  " + program_ + " du -h -d 1 " + place + "\n";
  text += "  " + program_ + " find " + place + " -size +1M\n";
  text += "\nCtrl-C stops it.\n";
  Print(text);
}

void Messages::Stopping() { Print("Stopping.\n"); }

void Messages::Failed(const Status& status) {
  ClearLine();
  std::fflush(stdout);
  std::fputs((program_ + " up: " + status.message() + "\n").c_str(), stderr);
}

}  // namespace fustor::up
