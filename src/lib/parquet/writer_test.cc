#include "lib/parquet/writer.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "lib/parquet/levels.h"
#include "lib/parquet/reader_testing.h"
#include "lib/parquet/thrift.h"

namespace fustor::parquet {
namespace {

// In the place of zstd: the bytes turned round, behind one of its own.
class TurningCompressor final : public batch::Compressor {
 public:
  std::string Compress(std::string_view plain) override {
    return "z" + std::string(plain.rbegin(), plain.rend());
  }
  Result<std::string> Decompress(std::string_view frame, std::size_t) override {
    if (!frame.starts_with('z')) return Status(Code::kInvalidArgument, "no frame");
    return std::string(frame.rbegin(), frame.rend() - 1);
  }
};

Table ReadBack(std::string_view file) {
  TurningCompressor compressor;
  return FileReader(file, &compressor).Read();
}

TEST(Thrift, IsTheCompactProtocol) {
  std::string out;
  ThriftWriter writer(&out);
  writer.Int32(1, -1);
  writer.Int64(4, 300);
  writer.BeginStruct(5);
  writer.Bool(1, true);
  writer.Bool(2, false);
  writer.EndStruct();
  writer.Binary(20, "ab");
  writer.Int32List(21, std::vector<std::int32_t>(15, 1));
  writer.EndStruct();
  const std::string list = std::string("\x19\xF5\x0F", 3) + std::string(15, '\x02');
  EXPECT_EQ(out, std::string("\x15\x01\x36\xD8\x04\x1C\x11\x12\x00\xF8\x02\x61\x62", 13) + list +
                     std::string(1, '\0'));
}

TEST(Hybrid, IsRunsAndPackedBits) {
  const auto hybrid = [](std::vector<std::uint32_t> values, unsigned bits) {
    std::string out;
    AppendHybrid(values, bits, &out);
    return out;
  };
  EXPECT_EQ(hybrid({}, 1), "");
  EXPECT_EQ(hybrid(std::vector<std::uint32_t>(100, 4), 3), std::string("\xC8\x01\x04", 3));
  // The example of the format's description: 0 to 7 in three bits each.
  EXPECT_EQ(hybrid({0, 1, 2, 3, 4, 5, 6, 7}, 3), std::string("\x03\x88\xC6\xFA", 4));
}

TEST(Hybrid, ComesBack) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const auto bits = static_cast<unsigned>(1 + random.Below(32));
    std::vector<std::uint32_t> values;
    for (std::uint64_t runs = random.Below(20); runs > 0; --runs) {
      const auto value = static_cast<std::uint32_t>(random.Below(std::uint64_t{1} << bits));
      values.insert(values.end(), random.Chance(1, 2) ? random.Below(40) : 1, value);
    }
    std::string out;
    AppendHybrid(values, bits, &out);
    ByteReader reader(out);
    EXPECT_EQ(reader.Hybrid(bits, values.size()), values);
    EXPECT_TRUE(reader.rest().empty());
  }
}

// A column's values: few or many different ones, alike for a while, null now and then.
class Values {
 public:
  Values(Prng* random, bool text, bool nullable)
      : random_(*random),
        text_(text),
        nulls_(nullable ? random->Below(4) : 0),
        different_(std::uint64_t{1} << random->Below(40)),
        long_(random->Chance(1, 8)) {}

  Cell Next() {
    if (nulls_ > 0 && random_.Chance(static_cast<std::uint32_t>(nulls_), 4)) return std::nullopt;
    if (value_.empty() || random_.Chance(1, 3)) {
      const std::uint64_t n = random_.Below(different_);
      value_ = std::to_string(n);
      if (text_ && random_.Chance(1, 20)) value_.clear();
      if (text_ && long_) value_ += std::string(random_.Below(1000), 'x');
      if (!text_ && random_.Chance(1, 9)) value_ = "-" + std::to_string(n + 1);
    }
    return value_;
  }

 private:
  Prng& random_;
  const bool text_;
  const std::uint64_t nulls_, different_;
  const bool long_;
  std::string value_;
};

void WriteCell(Writer* writer, std::size_t column, Type type, const Cell& cell) {
  if (!cell) return writer->AddNull(column);
  if (type == Type::kText) return writer->AddText(column, *cell);
  writer->AddNumber(column, std::stoll(*cell));
}

TEST(ParquetWriter, WhatIsWrittenIsReadBack) {
  constexpr Type kTypes[] = {Type::kText, Type::kSigned, Type::kUnsigned, Type::kTime};
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    std::vector<Column> columns;
    std::vector<Values> values;
    for (std::uint64_t i = 1 + random.Below(6); i > 0; --i) {
      Column column{"c" + std::to_string(i), kTypes[random.Below(4)], random.Chance(1, 2)};
      values.emplace_back(&random, column.type == Type::kText, column.nullable);
      columns.push_back(std::move(column));
    }
    const bool compressed = random.Chance(2, 3);
    Writer writer(columns, compressed ? std::make_unique<TurningCompressor>() : nullptr,
                  {.group_rows_max = 1 + random.Below(9000), .group_bytes_max = 1 << 20});
    std::vector<std::vector<Cell>> model(columns.size());
    std::string out;
    writer.Begin(&out);
    for (std::uint64_t rows = random.Below(20'000); rows > 0; --rows) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        Cell cell = values[i].Next();
        WriteCell(&writer, i, columns[i].type, cell);
        if (cell && columns[i].type == Type::kUnsigned) {
          cell = std::to_string(static_cast<std::uint64_t>(std::stoll(*cell)));
        }
        model[i].push_back(std::move(cell));
      }
      writer.EndRow(&out);
    }
    writer.End({{"key", "value"}}, &out);
    const Table table = ReadBack(out);
    EXPECT_TRUE(table.columns == model);
    EXPECT_EQ(table.footer.at(5).list.at(0).at(2).bytes, "value");
  }
}

// Many different values, then few: pages with a dictionary, and without, in one column.
TEST(ParquetWriter, LeavesADictionaryThatIsFull) {
  Writer writer({{"c", Type::kText, true}}, nullptr);
  std::string out;
  writer.Begin(&out);
  std::vector<Cell> model;
  const std::string longish(40, 'y');
  for (int i = 0; i < 100'000; ++i) {
    model.push_back(i % 7 == 0 ? Cell() : Cell(longish + std::to_string(i < 9000 ? i % 100 : i)));
    WriteCell(&writer, 0, Type::kText, model.back());
    writer.EndRow(&out);
  }
  writer.End({}, &out);
  const Table table = ReadBack(out);
  EXPECT_TRUE(table.columns.at(0) == model);
  EXPECT_EQ(table.footer.at(4).list.at(0).at(1).list.at(0).at(3).at(2).list.size(), 3u);
  EXPECT_FALSE(table.footer.Has(5));
}

TEST(ParquetWriter, OfNothingIsAFile) {
  Writer writer({{"c"}}, nullptr);
  std::string out;
  writer.Begin(&out);
  writer.End({}, &out);
  const Table table = ReadBack(out);
  EXPECT_EQ(table.names, std::vector<std::string>{"c"});
  EXPECT_TRUE(table.columns.at(0).empty());
}

// A row group is bounded by what it holds, too.
TEST(ParquetWriter, HoldsOneRowGroup) {
  Writer writer({{"c"}}, nullptr, {.group_rows_max = 1 << 20, .group_bytes_max = 1 << 20});
  std::string out;
  writer.Begin(&out);
  std::string text(1000, 'x');
  for (int i = 0; i < 5000; ++i) {
    text[static_cast<std::size_t>(i) % 1000] = static_cast<char>('a' + i / 1000);
    writer.AddText(0, text);
    writer.EndRow(&out);
  }
  EXPECT_GT(out.size(), 3u << 20);
  writer.End({}, &out);
  EXPECT_GT(ReadBack(out).footer.at(4).list.size(), 2u);
}

}  // namespace
}  // namespace fustor::parquet
