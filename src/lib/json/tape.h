// tape.h: a JSON document as one flat list, for what is large: rows that agents post.
//
// Pure data. One node costs 16 bytes and no allocation; strings lie in one arena. A tape is filled
// front to back by a TapeParser (or by hand) and then read; Nodes and strings are valid until the
// tape is filled again. Memory is kept from document to document, up to kKeptBytes.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/result.h"

namespace fustor::json {

class Tape {
 public:
  enum class Kind : std::uint8_t { kNull, kBool, kInt, kUint, kDouble, kString, kArray, kObject };

 private:
  struct Item {
    Kind kind;
    std::uint32_t after;  // Where the next value begins that is not part of this one.
    std::uint64_t bits;   // Of a string: where it begins << 32 | its bytes.
  };

 public:
  class Node {
   public:
    Kind kind() const { return item().kind; }
    bool is_null() const { return kind() == Kind::kNull; }
    bool is_string() const { return kind() == Kind::kString; }
    bool is_array() const { return kind() == Kind::kArray; }
    bool is_object() const { return kind() == Kind::kObject; }
    bool is_number() const {
      return kind() == Kind::kInt || kind() == Kind::kUint || kind() == Kind::kDouble;
    }

    // REQUIRES: the kind is the one asked for.
    bool Bool() const { return item().bits != 0; }
    std::int64_t Int() const { return static_cast<std::int64_t>(item().bits); }
    std::uint64_t Uint() const { return item().bits; }  // Only what no Int holds is a kUint.
    std::string_view String() const {
      const Item& i = item();
      return std::string_view(tape_->text_).substr(i.bits >> 32, i.bits & 0xFFFF'FFFF);
    }
    // REQUIRES: is_number().
    double Number() const {
      const Item& i = item();
      if (i.kind == Kind::kInt) return static_cast<double>(static_cast<std::int64_t>(i.bits));
      if (i.kind == Kind::kUint) return static_cast<double>(i.bits);
      return std::bit_cast<double>(i.bits);
    }

    // Calls visit(Node) for each element; none for what is no array.
    template <class Visit>
    void ForEachItem(Visit visit) const {
      if (!is_array()) return;
      const std::uint32_t end = item().after;
      for (std::uint32_t at = at_ + 1; at < end; at = tape_->items_[at].after) {
        visit(Node(tape_, at));
      }
    }
    // Calls visit(std::string_view key, Node) for each member; none for what is no object.
    template <class Visit>
    void ForEachMember(Visit visit) const {
      if (!is_object()) return;
      const std::uint32_t end = item().after;
      for (std::uint32_t at = at_ + 1; at < end; at = tape_->items_[at + 1].after) {
        visit(Node(tape_, at).String(), Node(tape_, at + 1));
      }
    }

   private:
    friend class Tape;
    Node(const Tape* tape, std::uint32_t at) : tape_(tape), at_(at) {}
    const Item& item() const { return tape_->items_[at_]; }

    const Tape* tape_;
    std::uint32_t at_;
  };

  bool empty() const { return items_.empty(); }
  // REQUIRES: not empty.
  Node root() const { return Node(this, 0); }
  std::size_t size() const { return items_.size(); }

  // --- Filling, in the order of the text. A member is its key (AddString), then its value. ---
  // REQUIRES: less than 2^32 nodes and 2^32 bytes of strings.

  void Clear() {
    if (items_.capacity() * sizeof(Item) > kKeptBytes) items_ = {};
    if (text_.capacity() > kKeptBytes) text_ = {};
    items_.clear();
    text_.clear();
  }
  void AddNull() { Add(Kind::kNull, 0); }
  void AddBool(bool v) { Add(Kind::kBool, v ? 1 : 0); }
  void AddInt(std::int64_t v) { Add(Kind::kInt, static_cast<std::uint64_t>(v)); }
  void AddUint(std::uint64_t v) {
    Add(v <= static_cast<std::uint64_t>(INT64_MAX) ? Kind::kInt : Kind::kUint, v);
  }
  void AddDouble(double v) { Add(Kind::kDouble, std::bit_cast<std::uint64_t>(v)); }
  void AddString(std::string_view v) {
    FUSTOR_CHECK(text_.size() + v.size() <= UINT32_MAX);
    Add(Kind::kString, std::uint64_t{text_.size()} << 32 | v.size());
    text_.append(v);
  }
  // Returns what End needs.
  std::uint32_t Begin(Kind kind) {
    const auto at = static_cast<std::uint32_t>(items_.size());
    Add(kind, 0);
    return at;
  }
  void End(std::uint32_t begin) { items_[begin].after = static_cast<std::uint32_t>(items_.size()); }

 private:
  static constexpr std::size_t kKeptBytes = std::size_t{64} << 20;

  void Add(Kind kind, std::uint64_t bits) {
    FUSTOR_CHECK(items_.size() < UINT32_MAX - 1);
    items_.push_back({kind, static_cast<std::uint32_t>(items_.size() + 1), bits});
  }

  std::vector<Item> items_;
  std::string text_;
};

// Turns text into a tape. adapters/json has the real one.
class TapeParser {
 public:
  virtual ~TapeParser() = default;
  // One thread at a time. What the strings hold is as in lib/json/json.h. Errors: kInvalidArgument
  // (what is wrong, and near which byte), kResourceExhausted (nested too deeply).
  virtual Status Parse(std::string_view text, Tape* tape) = 0;
};

}  // namespace fustor::json
