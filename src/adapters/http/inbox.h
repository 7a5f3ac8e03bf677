// inbox.h: the bytes that have come in on a connection and were not used yet.
//
// Thread safety: none.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace fustor::http {

class Inbox {
 public:
  std::string_view data() const { return {bytes_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }

  // The bytes stay where they are, so that views into them live until the next Room or Shrink.
  // REQUIRES: n <= data().size().
  void Consume(std::size_t n) { begin_ += n; }

  // Where more bytes may be put, after those that are there; then call Added. Grows until
  // data() and room together are `bytes_max`; empty when there are that many.
  std::span<char> Room(std::size_t bytes_max) {
    if (begin_ == end_) begin_ = end_ = 0;
    if (end_ == size_ && begin_ > 0) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == size_ && size_ < bytes_max) {
      const std::size_t larger = std::min(bytes_max, std::max(kFirstBytes, size_ * 4));
      auto bytes = std::make_unique_for_overwrite<char[]>(larger);
      if (end_ > 0) std::memcpy(bytes.get(), bytes_.get(), end_);
      bytes_ = std::move(bytes);
      size_ = larger;
    }
    return {bytes_.get() + end_, size_ - end_};
  }
  void Added(std::size_t n) { end_ += n; }

  // Gives large memory back while a connection is idle.
  void Shrink() {
    if (empty() && size_ > kFirstBytes) {
      bytes_.reset();
      begin_ = end_ = size_ = 0;
    }
  }

 private:
  static constexpr std::size_t kFirstBytes = 4096;

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace fustor::http
