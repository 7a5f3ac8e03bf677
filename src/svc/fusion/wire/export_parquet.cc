#include "lib/parquet/writer.h"
#include "svc/fusion/wire/export_writer.h"

namespace fustor::fusion {
namespace {

parquet::Type ParquetType(ExportType type) {
  switch (type) {
    case ExportType::kText:
      return parquet::Type::kText;
    case ExportType::kSigned:
      return parquet::Type::kSigned;
    case ExportType::kUnsigned:
      return parquet::Type::kUnsigned;
    case ExportType::kTime:
      return parquet::Type::kTime;
  }
  return parquet::Type::kText;
}

std::vector<parquet::Column> Schema(const std::vector<ExportColumn>& columns) {
  std::vector<parquet::Column> schema;
  for (const ExportColumn column : columns) {
    schema.push_back({std::string(NameOf(column)), ParquetType(TypeOf(column)), MayBeNull(column)});
  }
  return schema;
}

class ParquetWriter final : public ExportWriter {
 public:
  ParquetWriter(const std::vector<ExportColumn>& columns,
                std::unique_ptr<batch::Compressor> compressor, ExportOrigin origin)
      : columns_(columns),
        writer_(Schema(columns), std::move(compressor)),
        origin_(std::move(origin)) {}

  void Begin(std::string* out) override { writer_.Begin(out); }
  void Add(const ExportRows& rows, std::string* out) override {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const ExportCell cell = rows.Cell(columns_[i]);
      if (cell.null) {
        writer_.AddNull(i);
      } else if (TypeOf(columns_[i]) == ExportType::kText) {
        writer_.AddText(i, cell.text);
      } else {
        writer_.AddNumber(i, cell.number);
      }
    }
    writer_.EndRow(out);
  }
  void End(std::string* out) override {
    writer_.End({{"fustor.view", origin_.view},
                 {"fustor.revision", origin_.revision},
                 {"fustor.time", origin_.time}},
                out);
  }

 private:
  const std::vector<ExportColumn> columns_;
  parquet::Writer writer_;
  const ExportOrigin origin_;
};

}  // namespace

std::unique_ptr<ExportWriter> MakeParquetWriter(const std::vector<ExportColumn>& columns,
                                                std::unique_ptr<batch::Compressor> compressor,
                                                ExportOrigin origin) {
  return std::make_unique<ParquetWriter>(columns, std::move(compressor), std::move(origin));
}

}  // namespace fustor::fusion
