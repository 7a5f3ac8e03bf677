#include "svc/fusion/wire/export_writer.h"

#include <charconv>

#include "base/json_writer.h"

namespace fustor::fusion {
namespace {

void AppendNumber(ExportType type, std::int64_t number, std::string* out) {
  char digits[24];
  char* const end =
      type == ExportType::kUnsigned
          ? std::to_chars(digits, digits + sizeof digits, static_cast<std::uint64_t>(number)).ptr
          : std::to_chars(digits, digits + sizeof digits, number).ptr;
  out->append(digits, end);
}

class NdjsonWriter final : public ExportWriter {
 public:
  explicit NdjsonWriter(const std::vector<ExportColumn>& columns) {
    for (const ExportColumn column : columns) {
      std::string key = columns_.empty() ? "{\"" : ",\"";
      key += NameOf(column);
      columns_.push_back({column, TypeOf(column), key + "\":"});
    }
  }

  void Begin(std::string*) override {}
  void Add(const ExportRows& rows, std::string* out) override {
    for (const Column& column : columns_) {
      *out += column.key;
      const ExportCell cell = rows.Cell(column.column);
      if (cell.null) {
        *out += "null";
      } else if (column.type == ExportType::kText) {
        *out += '"';
        AppendJsonEscaped(out, cell.text);
        *out += '"';
      } else if (column.type == ExportType::kTime) {
        *out += '"';
        AppendIsoTime(cell.number, out);
        *out += '"';
      } else {
        AppendNumber(column.type, cell.number, out);
      }
    }
    *out += "}\n";
  }
  void End(std::string*) override {}

 private:
  struct Column {
    ExportColumn column;
    ExportType type;
    std::string key;  // With what stands before and behind it.
  };
  std::vector<Column> columns_;
};

class CsvWriter final : public ExportWriter {
 public:
  CsvWriter(const std::vector<ExportColumn>& columns, bool for_spreadsheets)
      : columns_(columns), for_spreadsheets_(for_spreadsheets) {}

  void Begin(std::string* out) override {
    for (const ExportColumn column : columns_) {
      if (column != columns_.front()) *out += ',';
      *out += NameOf(column);
    }
    *out += "\r\n";
  }
  void Add(const ExportRows& rows, std::string* out) override {
    bool first = true;
    for (const ExportColumn column : columns_) {
      if (!first) *out += ',';
      first = false;
      const ExportCell cell = rows.Cell(column);
      if (cell.null) continue;
      const ExportType type = TypeOf(column);
      if (type == ExportType::kText) {
        AppendText(cell.text, out);
      } else if (type == ExportType::kTime) {
        AppendIsoTime(cell.number, out);
      } else {
        AppendNumber(type, cell.number, out);
      }
    }
    *out += "\r\n";
  }
  void End(std::string*) override {}

 private:
  void AppendText(std::string_view text, std::string* out) const {
    constexpr std::string_view kFormula = "=+-@\t\r\n";
    const bool formula =
        for_spreadsheets_ && !text.empty() && kFormula.find(text.front()) != std::string_view::npos;
    if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
      if (formula) *out += '\'';
      *out += text;
      return;
    }
    *out += formula ? "\"'" : "\"";
    for (const char c : text) {
      if (c == '"') *out += '"';
      *out += c;
    }
    *out += '"';
  }

  const std::vector<ExportColumn> columns_;
  const bool for_spreadsheets_;
};

}  // namespace

std::string_view NameOf(ExportFormat format) {
  constexpr std::string_view kNames[] = {"ndjson", "csv", "parquet"};
  return kNames[static_cast<std::size_t>(format)];
}

std::optional<ExportFormat> ParseExportFormat(std::string_view name) {
  for (const ExportFormat format :
       {ExportFormat::kNdjson, ExportFormat::kCsv, ExportFormat::kParquet}) {
    if (name == NameOf(format)) return format;
  }
  return std::nullopt;
}

std::string_view ContentTypeOf(ExportFormat format) {
  constexpr std::string_view kTypes[] = {"application/x-ndjson",
                                         "text/csv; charset=utf-8; header=present",
                                         "application/vnd.apache.parquet"};
  return kTypes[static_cast<std::size_t>(format)];
}

std::unique_ptr<ExportWriter> MakeNdjsonWriter(const std::vector<ExportColumn>& columns) {
  return std::make_unique<NdjsonWriter>(columns);
}

std::unique_ptr<ExportWriter> MakeCsvWriter(const std::vector<ExportColumn>& columns,
                                            bool for_spreadsheets) {
  return std::make_unique<CsvWriter>(columns, for_spreadsheets);
}

}  // namespace fustor::fusion
