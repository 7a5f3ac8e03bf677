// column.h: one column of one row group of a Parquet file while it is filled.
//
// Pure. Holds compressed pages, one open page (kPageBytes and one value) and a dictionary
// (kDictionaryBytes and one value, kDictionaryValues). Values go into the dictionary as long as
// that pays: not when half of the first kTrialValues are different, and no more once the dictionary
// is full.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/batch/compressor.h"

namespace fustor::parquet {

enum class Type : std::uint8_t {
  kText,      // UTF-8.
  kSigned,    // 64 bits.
  kUnsigned,  // 64 bits; numbers are passed as int64 of the same bits.
  kTime,      // Nanoseconds since 1970, UTC.
};

struct Column {
  std::string name;
  Type type = Type::kText;
  bool nullable = false;
};

class ColumnChunk {
 public:
  static constexpr std::size_t kPageBytes = 256 << 10;
  static constexpr std::size_t kDictionaryBytes = 1 << 20;
  static constexpr std::uint32_t kDictionaryValues = 32 << 10;
  static constexpr std::size_t kTrialValues = 4096;
  // A longer smallest or largest value is not told.
  static constexpr std::size_t kStatisticBytesMax = 256;

  // nullptr: pages are not compressed. Both must outlive it.
  ColumnChunk(const Column& column, batch::Compressor* compressor);

  void AddNull();
  void AddNumber(std::int64_t value);
  void AddText(std::string_view value);
  // What it holds, about.
  std::size_t size_bytes() const;

  // Appends all pages to `*out`, and what the footer says of them (a struct ColumnChunk) to
  // `*metadata`; `offset` is where they begin in the file. Empty again afterwards.
  struct Sizes {
    std::uint64_t plain = 0, stored = 0;  // With the pages' headers.
  };
  Sizes Finish(std::uint64_t offset, std::string* out, std::string* metadata);

 private:
  struct Hash {
    using is_transparent = void;
    // Not the number itself: whoever makes files chooses their times.
    std::size_t operator()(std::int64_t number) const {
      std::uint64_t n = static_cast<std::uint64_t>(number) + 0x9E3779B97F4A7C15;
      n = (n ^ n >> 30) * 0xBF58476D1CE4E5B9;
      n = (n ^ n >> 27) * 0x94D049BB133111EB;
      return n ^ n >> 31;
    }
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  struct Statistics {
    bool any = false;
    std::int64_t min_number = 0, max_number = 0;
    std::string min_text, max_text;
  };

  void NoteNumber(std::int64_t value);
  void NoteText(std::string_view value);
  bool Less(std::int64_t a, std::int64_t b) const;
  // Whether the value may become a new one of the dictionary.
  bool DictionaryTakes(std::size_t bytes);
  void AddIndex(std::uint32_t index);
  void LeaveDictionary(bool useless);
  void WriteAnew();
  void EndValue();
  void EndPage();
  // Appends header and body.
  void AppendPage(std::string_view header_tail, bool dictionary, std::string_view body,
                  std::string* out);
  std::string PageBody() const;
  void AppendMetadata(std::uint64_t offset, std::uint64_t dictionary_stored, Sizes sizes,
                      std::string* out) const;
  void Reset();

  const Column& column_;
  batch::Compressor* compressor_;

  std::string pages_;  // Finished, with their headers.
  std::string plain_;  // Of the open page, when it has no dictionary.
  std::vector<std::uint32_t> indexes_;
  std::vector<std::uint32_t> present_;  // 1 or 0 for each value of the open page, if nullable.
  std::size_t page_values_ = 0;         // With nulls.
  std::size_t page_plain_bytes_ = 0;    // What the values take without a dictionary.

  bool uses_dictionary_ = true;
  bool on_trial_ = true;
  bool any_dictionary_page_ = false, any_plain_page_ = false;
  std::string dictionary_;  // As its page.
  std::uint32_t dictionary_size_ = 0;
  std::unordered_map<std::int64_t, std::uint32_t, Hash> numbers_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> texts_;
  // The value before is often the same.
  std::optional<std::uint32_t> last_index_;
  std::int64_t last_number_ = 0;
  std::string last_text_;

  std::uint64_t values_ = 0, nulls_ = 0;
  std::uint64_t plain_bytes_ = 0;  // Of finished pages, with headers.
  Statistics statistics_;
};

}  // namespace fustor::parquet
