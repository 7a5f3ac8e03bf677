// answer_store.h: bodies of answers that were given, to be given again while nothing has changed.
//
// Pure. One owner, used from one thread at a time: a server has one per loop, so there is nothing
// to lock. Bounded in bytes: when full, what was not asked for the longest goes. Whoever puts an
// answer says by its version what it was made of; another version under the same key replaces it.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace fustor::http {

class AnswerStore {
 public:
  using Body = std::shared_ptr<const std::string>;

  // A body larger than a sixteenth of `bytes_max` is not kept.
  explicit AnswerStore(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  AnswerStore(const AnswerStore&) = delete;

  // nullptr: nothing is kept for `key`, or it is of another version. O(key + version).
  Body Find(std::string_view key, std::string_view version);
  void Put(std::string key, std::string version, Body body);

  // Whether a body so large would be kept.
  bool Takes(std::size_t body_bytes) const { return body_bytes <= bytes_max_ / 16; }
  // Of keys, versions and bodies.
  std::size_t bytes() const { return bytes_; }

 private:
  struct Kept {
    std::string key;
    std::string version;
    Body body;
    std::size_t bytes() const { return key.size() + version.size() + body->size(); }
  };
  void Drop(std::list<Kept>::iterator kept);

  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::list<Kept> kept_;  // Asked for last: first.
  std::unordered_map<std::string_view, std::list<Kept>::iterator> by_key_;
};

}  // namespace fustor::http
