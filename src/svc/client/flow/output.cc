#include "svc/client/flow/output.h"

namespace fustor::client {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;

std::string_view ColourOf(const EntryAttrs& attrs) {
  switch (attrs.kind) {
    case EntryKind::kDirectory:
      return "\x1b[1;34m";
    case EntryKind::kSymlink:
      return "\x1b[36m";
    case EntryKind::kOther:
      return "\x1b[33m";
    case EntryKind::kFile:
      return (attrs.mode & 0111) != 0 ? "\x1b[32m" : "";
  }
  return "";
}

}  // namespace

void Output::Flush() {
  if (!text_.empty() && status_.ok()) status_ = terminal_.Write(text_);
  text_.clear();
}

void Output::FlushNow() {
  Flush();
  if (status_.ok() && !terminal_.has_reader()) status_ = Status(Code::kCancelled, "nobody reads");
}

void Output::Add(std::string_view bytes) {
  if (!status_.ok()) return;
  text_ += bytes;
  if (text_.size() >= kPieceBytes) Flush();
}

Status Output::Finish() {
  Flush();
  return status_.code() == Code::kCancelled ? Status() : status_;
}

void Output::Complain(std::string_view text) {
  Flush();
  terminal_.WriteError("fustor: " + std::string(text) + "\n");
}

std::string Output::Shown(std::string_view name) const {
  return terminal_.interactive() ? QuotedName(name) : std::string(name);
}

std::string Output::Painted(std::string_view name, const EntryAttrs& attrs) const {
  const std::string_view colour = terminal_.colours() ? ColourOf(attrs) : std::string_view();
  if (colour.empty()) return Shown(name);
  return std::string(colour) + Shown(name) + "\x1b[0m";
}

}  // namespace fustor::client
