#include <algorithm>
#include <string>

#include "lib/http/answers.h"
#include "lib/http/text.h"
#include "lib/tree/search.h"
#include "svc/fusion/wire/export_writer.h"
#include "svc/fusion/wire/predicates.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

// "2023-11-14T22:13:20.123Z" -> "20231114T221320Z"
std::string FileTime(WallTime time) {
  std::string text = FormatUtc(time);
  text.resize(text.find('.'));
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text + "Z";
}

// Safe on every file system and in a header.
std::string FileName(std::string_view view, WallTime now, ExportFormat format) {
  std::string name(view);
  std::ranges::replace_if(
      name,
      [](char c) {
        return !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
               c != '.' && c != '_' && c != '-';
      },
      '-');
  return name + "-" + FileTime(now) + "." + std::string(NameOf(format));
}

http::Headers HeadersOf(const OpenView& open, const ExportQuery& query, tree::Revision revision,
                        WallTime now) {
  http::Headers headers = open.headers;
  headers.Set("Content-Type", std::string(ContentTypeOf(query.format)));
  headers.Add("Content-Disposition",
              "attachment; filename=\"" + FileName(open.view->id(), now, query.format) + '"');
  headers.Add("X-Fustor-View", http::PercentEncode(open.view->id()));
  headers.Add("X-Fustor-Revision", std::to_string(revision));
  headers.Add("X-Fustor-Time", FormatUtc(now));
  headers.Add("Cache-Control", "no-store");
  return headers;
}

std::unique_ptr<ExportWriter> WriterFor(const ViewDoor& door, const ExportQuery& query,
                                        ExportOrigin origin) {
  switch (query.format) {
    case ExportFormat::kNdjson:
      return MakeNdjsonWriter(query.columns);
    case ExportFormat::kCsv:
      return MakeCsvWriter(query.columns, query.for_spreadsheets);
    case ExportFormat::kParquet:
      return MakeParquetWriter(
          query.columns, door.options.make_compressor ? door.options.make_compressor() : nullptr,
          std::move(origin));
  }
  return nullptr;
}

env::Task<void> WriteRows(const ViewDoor& door, const OpenView& open, const http::Request& request,
                          const ExportQuery& query, ExportWriter& format, tree::Snapshot snapshot,
                          http::ResponseWriter& writer) {
  const Instant begun = door.clock.Now();
  // What is in the revision may be younger than the status that opened the view.
  const std::shared_ptr<const ViewStatus> status = open.view->status();
  ExportRows rows(query.columns, status);
  tree::SearchQuery search = query.search;
  AddSubtrees(*status, &search);
  std::string piece;
  format.Begin(&piece);
  Slices slices(door.clock, door.options.slice);
  std::string after;
  for (bool done = false; !done;) {
    const std::optional<std::string> next =
        tree::Search(snapshot, search, after, slices.Begin(),
                     [&](std::string_view path, const tree::Snapshot::Row& row) {
                       rows.Load(path, row);
                       format.Add(rows, &piece);
                       return piece.size() < door.options.piece_bytes;
                     });
    slices.End();
    done = !next;
    if (done) format.End(&piece);
    if (piece.size() >= door.options.piece_bytes || (done && !piece.empty())) {
      // A body without its proper end tells the client that this is not all.
      if (!MayHold(door, request, *open.view, begun)) co_return;
      const Status written = co_await writer.Write(std::exchange(piece, std::string()));
      if (!written.ok()) co_return;
      piece.reserve(door.options.piece_bytes + door.options.piece_bytes / 4);
    }
    if (done) break;
    after = *next;
    co_await NextTurn();
  }
  (void)co_await writer.End();
}

}  // namespace

env::Task<void> AnswerExport(const ViewDoor& door, http::Request& request,
                             http::ResponseWriter& writer) {
  ExportQuery query;
  const auto read = [&](BadParameter* bad) { return ParseExportQuery(request, &query, bad); };
  const std::optional<OpenView> open =
      co_await OpenAndRead(door, request, writer, Need::kReady, read);
  if (!open) co_return;
  const Places::Place place = door.long_answers.Take();
  if (place == nullptr) {
    co_await AnswerTooManyLong(writer);
    co_return;
  }
  std::optional<tree::Snapshot> snapshot = co_await PinFor(*open, writer);
  if (!snapshot) co_return;
  const WallTime now = door.clock.WallNow();
  http::Headers headers = HeadersOf(*open, query, snapshot->revision(), now);
  const std::unique_ptr<ExportWriter> format = WriterFor(
      door, query, {open->view->id(), std::to_string(snapshot->revision()), FormatUtc(now)});
  if (request.method == "HEAD") snapshot.reset();
  const Status started = co_await writer.Start(200, std::move(headers));
  if (!started.ok()) co_return;
  if (!snapshot) {
    (void)co_await writer.End();
    co_return;
  }
  co_await WriteRows(door, *open, request, query, *format, *std::move(snapshot), writer);
}

}  // namespace fustor::fusion
