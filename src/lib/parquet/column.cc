#include "lib/parquet/column.h"

#include <bit>

#include "lib/parquet/format.h"
#include "lib/parquet/levels.h"
#include "lib/parquet/thrift.h"

namespace fustor::parquet {
namespace {

void AppendLittleEndian(std::uint64_t value, unsigned bytes, std::string* out) {
  for (; bytes > 0; --bytes, value >>= 8) *out += static_cast<char>(value);
}

void AppendPlain(std::int64_t value, std::string* out) {
  AppendLittleEndian(static_cast<std::uint64_t>(value), 8, out);
}

void AppendPlain(std::string_view value, std::string* out) {
  AppendLittleEndian(value.size(), 4, out);
  *out += value;
}

unsigned BitsFor(std::uint32_t count) {
  return count <= 2 ? 1 : static_cast<unsigned>(std::bit_width(count - 1));
}

std::string Bytes(std::int64_t value) {
  std::string bytes;
  AppendPlain(value, &bytes);
  return bytes;
}

}  // namespace

ColumnChunk::ColumnChunk(const Column& column, batch::Compressor* compressor)
    : column_(column), compressor_(compressor) {}

bool ColumnChunk::Less(std::int64_t a, std::int64_t b) const {
  if (column_.type != Type::kUnsigned) return a < b;
  return static_cast<std::uint64_t>(a) < static_cast<std::uint64_t>(b);
}

void ColumnChunk::NoteNumber(std::int64_t value) {
  Statistics& s = statistics_;
  if (!s.any || Less(value, s.min_number)) s.min_number = value;
  if (!s.any || Less(s.max_number, value)) s.max_number = value;
  s.any = true;
}

void ColumnChunk::NoteText(std::string_view value) {
  Statistics& s = statistics_;
  if (!s.any || value < s.min_text) s.min_text = value;
  if (!s.any || value > s.max_text) s.max_text = value;
  s.any = true;
}

void ColumnChunk::AddNull() {
  ++nulls_;
  present_.push_back(0);
  EndValue();
}

bool ColumnChunk::DictionaryTakes(std::size_t bytes) {
  bool useless = false;
  if (on_trial_ && values_ - nulls_ >= kTrialValues) {
    on_trial_ = false;
    useless = dictionary_size_ > kTrialValues / 2;
  }
  if (useless || dictionary_size_ >= kDictionaryValues ||
      dictionary_.size() + bytes > kDictionaryBytes) {
    LeaveDictionary(useless);
  }
  return uses_dictionary_;
}

void ColumnChunk::AddNumber(std::int64_t value) {
  NoteNumber(value);
  if (uses_dictionary_ && last_index_ && last_number_ == value) {
    AddIndex(*last_index_);
  } else if (uses_dictionary_ && DictionaryTakes(sizeof value)) {
    const auto [it, is_new] = numbers_.try_emplace(value, dictionary_size_);
    if (is_new) {
      AppendPlain(value, &dictionary_);
      ++dictionary_size_;
    }
    last_number_ = value;
    AddIndex(it->second);
  } else {
    AppendPlain(value, &plain_);
  }
  page_plain_bytes_ += sizeof value;
  if (column_.nullable) present_.push_back(1);
  EndValue();
}

void ColumnChunk::AddText(std::string_view value) {
  if (uses_dictionary_ && last_index_ && last_text_ == value) {
    AddIndex(*last_index_);
  } else {
    NoteText(value);
    if (uses_dictionary_ && DictionaryTakes(value.size() + 4)) {
      auto it = texts_.find(value);
      if (it == texts_.end()) {
        it = texts_.emplace(value, dictionary_size_++).first;
        AppendPlain(value, &dictionary_);
      }
      last_text_ = value;
      AddIndex(it->second);
    } else {
      AppendPlain(value, &plain_);
    }
  }
  page_plain_bytes_ += 4 + value.size();
  if (column_.nullable) present_.push_back(1);
  EndValue();
}

void ColumnChunk::AddIndex(std::uint32_t index) {
  indexes_.push_back(index);
  last_index_ = index;
}

// The open page without the dictionary, to which nothing else refers.
void ColumnChunk::WriteAnew() {
  std::vector<std::string_view> entries;
  std::string_view rest = dictionary_;
  while (!rest.empty()) {
    std::size_t size = sizeof(std::int64_t);
    if (column_.type == Type::kText) {
      size = 4;
      for (unsigned i = 0; i < 4; ++i) {
        size += std::size_t{static_cast<std::uint8_t>(rest[i])} << 8 * i;
      }
    }
    entries.push_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  for (const std::uint32_t index : indexes_) plain_ += entries[index];
  indexes_.clear();
  dictionary_.clear();
  dictionary_size_ = 0;
}

void ColumnChunk::LeaveDictionary(bool useless) {
  if (useless && !any_dictionary_page_ && page_plain_bytes_ <= kDictionaryBytes) {
    WriteAnew();
  } else if (page_values_ > 0) {
    EndPage();
  }
  uses_dictionary_ = false;
  last_index_.reset();
  numbers_.clear();
  texts_.clear();
}

void ColumnChunk::EndValue() {
  ++values_;
  ++page_values_;
  // An index is some two bytes; a page of nothing but nulls ends some time, too.
  const std::size_t bytes = plain_.size() + 2 * indexes_.size() + page_values_ / 8;
  if (bytes >= kPageBytes) EndPage();
}

std::string ColumnChunk::PageBody() const {
  std::string body;
  if (column_.nullable) {
    std::string levels;
    AppendHybrid(present_, 1, &levels);
    AppendLittleEndian(levels.size(), 4, &body);
    body += levels;
  }
  if (uses_dictionary_) {
    const unsigned bits = BitsFor(dictionary_size_);
    body += static_cast<char>(bits);
    AppendHybrid(indexes_, bits, &body);
  } else {
    body += plain_;
  }
  return body;
}

void ColumnChunk::AppendPage(std::string_view header_tail, bool dictionary, std::string_view body,
                             std::string* out) {
  std::string compressed;
  if (compressor_ != nullptr) compressed = compressor_->Compress(body);
  const std::string_view stored = compressor_ != nullptr ? compressed : body;
  const std::size_t from = out->size();
  ThriftWriter header(out);
  header.Int32(1, dictionary ? format::kDictionaryPage : format::kDataPage);
  header.Int32(2, static_cast<std::int32_t>(body.size()));
  header.Int32(3, static_cast<std::int32_t>(stored.size()));
  header.BeginStruct(dictionary ? 7 : 5);
  *out += header_tail;
  header.EndStruct();
  header.EndStruct();
  plain_bytes_ += out->size() - from + body.size();
  *out += stored;
}

void ColumnChunk::EndPage() {
  std::string tail;
  ThriftWriter header(&tail);
  header.Int32(1, static_cast<std::int32_t>(page_values_));
  header.Int32(2, uses_dictionary_ ? format::kRleDictionary : format::kPlain);
  header.Int32(3, format::kRle);
  header.Int32(4, format::kRle);
  AppendPage(tail, false, PageBody(), &pages_);
  (uses_dictionary_ ? any_dictionary_page_ : any_plain_page_) = true;
  plain_.clear();
  indexes_.clear();
  present_.clear();
  page_values_ = page_plain_bytes_ = 0;
}

std::size_t ColumnChunk::size_bytes() const {
  constexpr std::size_t kBytesPerIndexedValue = 96;
  return pages_.size() + plain_.size() + dictionary_.size() * 2 +
         dictionary_size_ * kBytesPerIndexedValue +
         (indexes_.size() + present_.size()) * sizeof(std::uint32_t);
}

ColumnChunk::Sizes ColumnChunk::Finish(std::uint64_t offset, std::string* out,
                                       std::string* metadata) {
  if (page_values_ > 0) EndPage();
  const std::size_t from = out->size();
  if (any_dictionary_page_) {
    std::string tail;
    ThriftWriter header(&tail);
    header.Int32(1, static_cast<std::int32_t>(dictionary_size_));
    header.Int32(2, format::kPlain);
    AppendPage(tail, true, dictionary_, out);
  }
  const std::uint64_t dictionary_stored = out->size() - from;
  *out += pages_;
  const Sizes sizes = {plain_bytes_, out->size() - from};
  AppendMetadata(offset, dictionary_stored, sizes, metadata);
  Reset();
  return sizes;
}

void ColumnChunk::AppendMetadata(std::uint64_t offset, std::uint64_t dictionary_stored, Sizes sizes,
                                 std::string* out) const {
  const auto number = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  std::vector<std::int32_t> encodings = {format::kRle};
  if (any_plain_page_ || any_dictionary_page_) encodings.push_back(format::kPlain);
  if (any_dictionary_page_) encodings.push_back(format::kRleDictionary);
  ThriftWriter chunk(out);
  chunk.Int64(2, 0);
  chunk.BeginStruct(3);
  chunk.Int32(1, column_.type == Type::kText ? format::kByteArray : format::kInt64);
  chunk.Int32List(2, encodings);
  chunk.BinaryList(3, {column_.name});
  chunk.Int32(4, compressor_ != nullptr ? format::kZstd : format::kUncompressed);
  chunk.Int64(5, number(values_));
  chunk.Int64(6, number(sizes.plain));
  chunk.Int64(7, number(sizes.stored));
  chunk.Int64(9, number(offset + dictionary_stored));
  if (dictionary_stored > 0) chunk.Int64(11, number(offset));
  chunk.BeginStruct(12);
  chunk.Int64(3, number(nulls_));
  const Statistics& s = statistics_;
  const bool text = column_.type == Type::kText;
  if (s.any && (!text || std::max(s.min_text.size(), s.max_text.size()) <= kStatisticBytesMax)) {
    chunk.Binary(5, text ? s.max_text : Bytes(s.max_number));
    chunk.Binary(6, text ? s.min_text : Bytes(s.min_number));
  }
  chunk.EndStruct();
  chunk.EndStruct();
  chunk.EndStruct();
}

void ColumnChunk::Reset() {
  pages_.clear();
  uses_dictionary_ = on_trial_ = true;
  any_dictionary_page_ = any_plain_page_ = false;
  dictionary_.clear();
  dictionary_size_ = 0;
  numbers_.clear();
  texts_.clear();
  last_index_.reset();
  values_ = nulls_ = plain_bytes_ = 0;
  statistics_ = {};
}

}  // namespace fustor::parquet
