// reader_testing.h: reads back what writer.h writes, by the format's description alone. For tests.
//
// Understands one level of columns, data pages of version 1, plain and dictionary encoding.
// Whatever is not as it should be ends the test.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "lib/batch/compressor.h"

namespace fustor::parquet {

// A value of Thrift's compact protocol.
struct Thrift {
  std::int64_t number = 0;
  std::string bytes;
  std::vector<Thrift> list;
  std::map<int, Thrift> fields;

  bool Has(int id) const { return fields.contains(id); }
  const Thrift& at(int id) const {
    FUSTOR_CHECK(Has(id), "no field " + std::to_string(id));
    return fields.at(id);
  }
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::string_view rest() const { return rest_; }
  std::string_view Take(std::size_t n) {
    FUSTOR_CHECK(n <= rest_.size(), "the bytes end early");
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }
  std::uint8_t Byte() { return static_cast<std::uint8_t>(Take(1)[0]); }
  std::uint64_t Little(std::size_t n) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < n; ++i) value |= std::uint64_t{Byte()} << 8 * i;
    return value;
  }
  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::uint8_t byte = Byte();
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
  }
  std::int64_t ZigZag() {
    const std::uint64_t value = Varint();
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
  }

  Thrift Struct() {
    Thrift all;
    int id = 0;
    for (;;) {
      const std::uint8_t head = Byte();
      if (head == 0) return all;
      id = head >> 4 != 0 ? id + (head >> 4) : static_cast<int>(ZigZag());
      FUSTOR_CHECK(all.fields.emplace(id, Value(head & 15, true)).second, "a field twice");
    }
  }

  // `count` values of RLE and packed bits.
  std::vector<std::uint32_t> Hybrid(unsigned bits, std::size_t count) {
    std::vector<std::uint32_t> values;
    while (values.size() < count) {
      const std::uint64_t head = Varint();
      if ((head & 1) == 0) {
        const auto value = static_cast<std::uint32_t>(Little((bits + 7) / 8));
        FUSTOR_CHECK(head >> 1 > 0 && values.size() + (head >> 1) <= count, "a run of its own");
        values.insert(values.end(), head >> 1, value);
        continue;
      }
      const std::string_view packed = Take((head >> 1) * bits);
      for (std::size_t i = 0; i < (head >> 1) * 8 && values.size() < count; ++i) {
        std::uint32_t value = 0;
        for (unsigned bit = 0; bit < bits; ++bit) {
          const std::size_t at = i * bits + bit;
          value |=
              static_cast<std::uint32_t>(static_cast<std::uint8_t>(packed[at / 8]) >> at % 8 & 1)
              << bit;
        }
        values.push_back(value);
      }
    }
    return values;
  }

 private:
  Thrift Value(int type, bool field) {
    Thrift value;
    switch (type) {
      case 1:
      case 2:
        value.number = field ? type == 1 : Byte() == 1;
        break;
      case 3:
        value.number = static_cast<std::int8_t>(Byte());
        break;
      case 4:
      case 5:
      case 6:
        value.number = ZigZag();
        break;
      case 8:
        value.bytes = Take(Varint());
        break;
      case 9: {
        const std::uint8_t head = Byte();
        std::uint64_t size = head >> 4;
        if (size == 15) size = Varint();
        for (; size > 0; --size) value.list.push_back(Value(head & 15, false));
        break;
      }
      case 12:
        value = Struct();
        break;
      default:
        FUSTOR_CHECK(false, "an unknown type");
    }
    return value;
  }

  std::string_view rest_;
};

// Text as it is; numbers in decimal, as their column means them.
using Cell = std::optional<std::string>;

struct Table {
  Thrift footer;
  std::vector<std::string> names;
  std::vector<std::vector<Cell>> columns;
};

class FileReader {
 public:
  FileReader(std::string_view file, batch::Compressor* zstd) : file_(file), zstd_(zstd) {}

  Table Read() {
    FUSTOR_CHECK(file_.size() >= 12 && file_.starts_with("PAR1") && file_.ends_with("PAR1"));
    ByteReader tail(file_.substr(file_.size() - 8));
    const std::uint64_t size = tail.Little(4);
    ByteReader footer(file_.substr(file_.size() - 8 - size, size));
    Table table;
    table.footer = footer.Struct();
    FUSTOR_CHECK(footer.rest().empty(), "more than a footer");
    const std::vector<Thrift>& schema = table.footer.at(2).list;
    FUSTOR_CHECK(schema.at(0).at(5).number == static_cast<std::int64_t>(schema.size()) - 1);
    for (std::size_t i = 1; i < schema.size(); ++i) table.names.push_back(schema[i].at(4).bytes);
    table.columns.resize(table.names.size());
    std::int64_t rows = 0;
    for (const Thrift& group : table.footer.at(4).list) {
      rows += group.at(3).number;
      for (std::size_t i = 0; i < table.names.size(); ++i) {
        const std::size_t before = table.columns[i].size();
        ReadChunk(schema[i + 1], group.at(1).list.at(i).at(3), &table.columns[i]);
        EXPECT_EQ(static_cast<std::int64_t>(table.columns[i].size() - before), group.at(3).number);
      }
    }
    EXPECT_EQ(rows, table.footer.at(3).number);
    return table;
  }

 private:
  static bool IsText(const Thrift& column) { return column.at(1).number == 6; }
  static Cell CellOf(const Thrift& column, ByteReader* plain) {
    if (IsText(column)) return std::string(plain->Take(plain->Little(4)));
    const std::uint64_t bits = plain->Little(8);
    const bool is_unsigned = column.Has(6) && column.at(6).number == 14;
    return is_unsigned ? std::to_string(bits) : std::to_string(static_cast<std::int64_t>(bits));
  }

  void ReadChunk(const Thrift& column, const Thrift& chunk, std::vector<Cell>* cells) {
    const std::size_t first = cells->size();
    const bool has_dictionary = chunk.Has(11);
    const auto offset =
        static_cast<std::size_t>(has_dictionary ? chunk.at(11).number : chunk.at(9).number);
    const std::string_view pages =
        file_.substr(offset, static_cast<std::size_t>(chunk.at(7).number));
    ByteReader bytes(pages);
    std::vector<Cell> dictionary;
    std::uint64_t plain_bytes = 0;
    while (!bytes.rest().empty()) {
      const std::size_t before = bytes.rest().size();
      const bool at_data =
          offset + pages.size() - before == static_cast<std::size_t>(chunk.at(9).number);
      const Thrift header = bytes.Struct();
      plain_bytes += before - bytes.rest().size();
      if (at_data) EXPECT_EQ(header.at(1).number, 0);
      const std::string body =
          Body(chunk, header, bytes.Take(static_cast<std::size_t>(header.at(3).number)));
      plain_bytes += body.size();
      if (header.at(1).number == 2) {
        ByteReader plain(body);
        while (!plain.rest().empty()) dictionary.push_back(CellOf(column, &plain));
        EXPECT_EQ(static_cast<std::int64_t>(dictionary.size()), header.at(7).at(1).number);
      } else {
        ReadPage(column, header.at(5), body, dictionary, cells);
      }
    }
    EXPECT_EQ(static_cast<std::int64_t>(plain_bytes), chunk.at(6).number);
    EXPECT_EQ(static_cast<std::int64_t>(cells->size() - first), chunk.at(5).number);
    CheckStatistics(column, chunk.at(12),
                    {cells->begin() + static_cast<std::ptrdiff_t>(first), cells->end()});
  }

  std::string Body(const Thrift& chunk, const Thrift& header, std::string_view stored) {
    std::string body(stored);
    const auto size = static_cast<std::size_t>(header.at(2).number);
    if (chunk.at(4).number == 6) body = zstd_->Decompress(stored, size).value();
    FUSTOR_CHECK(body.size() == size);
    return body;
  }

  static void ReadPage(const Thrift& column, const Thrift& header, std::string_view body,
                       const std::vector<Cell>& dictionary, std::vector<Cell>* cells) {
    const auto count = static_cast<std::size_t>(header.at(1).number);
    ByteReader bytes(body);
    std::vector<std::uint32_t> present(count, 1);
    if (column.at(3).number == 1) {
      ByteReader levels(bytes.Take(bytes.Little(4)));
      present = levels.Hybrid(1, count);
      EXPECT_TRUE(levels.rest().empty());
    }
    std::size_t values = 0;
    for (const std::uint32_t one : present) values += one;
    std::vector<std::uint32_t> indexes;
    const bool by_dictionary = header.at(2).number == 8;
    if (by_dictionary) {
      const unsigned bits = bytes.Byte();
      indexes = bytes.Hybrid(bits, values);
    }
    std::size_t next = 0;
    for (const std::uint32_t one : present) {
      if (one == 0) {
        cells->emplace_back();
      } else {
        cells->push_back(by_dictionary ? dictionary.at(indexes[next++]) : CellOf(column, &bytes));
      }
    }
    EXPECT_TRUE(bytes.rest().empty());
  }

  static void CheckStatistics(const Thrift& column, const Thrift& statistics,
                              const std::vector<Cell>& cells) {
    std::int64_t nulls = 0;
    const auto value_of = [&](std::string_view bytes) -> Cell {
      if (IsText(column)) return std::string(bytes);
      ByteReader plain(bytes);
      return CellOf(column, &plain);
    };
    const auto less = [&](const std::string& a, const std::string& b) {
      if (IsText(column)) return a < b;
      if (a.starts_with('-') != b.starts_with('-')) return a.starts_with('-');
      const bool shorter = a.size() != b.size() ? a.size() < b.size() : a < b;
      return a.starts_with('-') ? a != b && !shorter : shorter;
    };
    for (const Cell& cell : cells) {
      nulls += cell ? 0 : 1;
      if (!cell || !statistics.Has(5)) continue;
      EXPECT_FALSE(less(*value_of(statistics.at(5).bytes), *cell));
      EXPECT_FALSE(less(*cell, *value_of(statistics.at(6).bytes)));
    }
    EXPECT_EQ(nulls, statistics.at(3).number);
  }

  std::string_view file_;
  batch::Compressor* zstd_;
};

}  // namespace fustor::parquet
