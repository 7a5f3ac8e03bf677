// export_writer.h: rows of an export as NDJSON, CSV or Parquet (docs/http-api.md, "Export").
//
// Deterministic; one export each. A writer appends to a string that the caller empties whenever it
// likes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/batch/compressor.h"
#include "svc/fusion/wire/export_rows.h"

namespace fustor::fusion {

enum class ExportFormat : std::uint8_t { kNdjson, kCsv, kParquet };

// "ndjson", "csv", "parquet"; also what the file is called behind its point.
std::string_view NameOf(ExportFormat format);
std::optional<ExportFormat> ParseExportFormat(std::string_view name);
std::string_view ContentTypeOf(ExportFormat format);

class ExportWriter {
 public:
  virtual ~ExportWriter() = default;
  virtual void Begin(std::string* out) = 0;
  // The row that was loaded last.
  virtual void Add(const ExportRows& rows, std::string* out) = 0;
  virtual void End(std::string* out) = 0;
};

// One JSON object a line with every column, null where there is no value. Times as in CSV.
std::unique_ptr<ExportWriter> MakeNdjsonWriter(const std::vector<ExportColumn>& columns);

// RFC 4180: a line of names, CRLF, '"' around what needs it. Nothing between two commas is null;
// "" is an empty text. `for_spreadsheets`: a "'" comes before a text that a spreadsheet would take
// for a formula (what begins with = + - @, a tab or a line break).
std::unique_ptr<ExportWriter> MakeCsvWriter(const std::vector<ExportColumn>& columns,
                                            bool for_spreadsheets);

// What a file tells about itself.
struct ExportOrigin {
  std::string view, revision, time;
};

// docs/formats/parquet.md. Rows come out a row group at a time (lib/parquet/writer.h). nullptr: not
// compressed.
std::unique_ptr<ExportWriter> MakeParquetWriter(const std::vector<ExportColumn>& columns,
                                                std::unique_ptr<batch::Compressor> compressor,
                                                ExportOrigin origin);

}  // namespace fustor::fusion
