// text_source.h: a FileSource that gives what is in memory, for virtual disks.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "env/file_streams.h"

namespace fustor::env {

class TextSource final : public FileSource {
 public:
  explicit TextSource(std::string content) : content_(std::move(content)) {}
  Result<std::string> Read(std::size_t bytes_max) override {
    std::string piece = content_.substr(at_, bytes_max);
    at_ += piece.size();
    return piece;
  }

 private:
  const std::string content_;
  std::size_t at_ = 0;
};

}  // namespace fustor::env
