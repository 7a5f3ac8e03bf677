#include "lib/http/answer_store.h"

#include <utility>

namespace fustor::http {

AnswerStore::Body AnswerStore::Find(std::string_view key, std::string_view version) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end() || found->second->version != version) return nullptr;
  kept_.splice(kept_.begin(), kept_, found->second);
  return found->second->body;
}

void AnswerStore::Put(std::string key, std::string version, Body body) {
  if (const auto old = by_key_.find(key); old != by_key_.end()) Drop(old->second);
  if (!Takes(body->size())) return;
  kept_.push_front({std::move(key), std::move(version), std::move(body)});
  by_key_.emplace(kept_.front().key, kept_.begin());
  bytes_ += kept_.front().bytes();
  while (bytes_ > bytes_max_) Drop(std::prev(kept_.end()));
}

void AnswerStore::Drop(std::list<Kept>::iterator kept) {
  bytes_ -= kept->bytes();
  by_key_.erase(kept->key);
  kept_.erase(kept);
}

}  // namespace fustor::http
