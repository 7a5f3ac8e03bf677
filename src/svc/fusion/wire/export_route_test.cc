// Exports: columns, formats, what is promised of one revision and of its end.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/base64.h"
#include "base/prng.h"
#include "lib/parquet/reader_testing.h"
#include "svc/fusion/wire/export_rows.h"
#include "svc/fusion/wire/routes.h"
#include "svc/fusion/wire/views_testing.h"

namespace fustor::fusion {
namespace {

using Record = std::vector<std::optional<std::string>>;

// The records of RFC 4180, whose lines end in CRLF. What is not quoted and empty is nullopt.
std::vector<Record> ParseCsv(std::string_view text) {
  std::vector<Record> records;
  Record record;
  while (!text.empty()) {
    std::optional<std::string> field;
    if (text.starts_with('"')) {
      field.emplace();
      text.remove_prefix(1);
      for (;;) {
        const std::size_t quote = text.find('"');
        if (quote == std::string_view::npos) {
          ADD_FAILURE() << "a quote without its end";
          return records;
        }
        *field += text.substr(0, quote);
        text.remove_prefix(quote + 1);
        if (!text.starts_with('"')) break;
        *field += '"';
        text.remove_prefix(1);
      }
    } else if (const std::size_t end = text.find_first_of(",\r\n"); end != 0) {
      field = text.substr(0, end);
      text.remove_prefix(std::min(end, text.size()));
    }
    record.push_back(std::move(field));
    if (text.starts_with(',')) {
      text.remove_prefix(1);
    } else {
      EXPECT_TRUE(text.starts_with("\r\n"));
      text.remove_prefix(std::min<std::size_t>(2, text.size()));
      records.push_back(std::exchange(record, {}));
    }
  }
  return records;
}

std::vector<json::Value> ParseNdjson(std::string_view text) {
  std::vector<json::Value> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    Result<json::Value> line = json::Parse(text.substr(0, end));
    EXPECT_TRUE(line.ok()) << text.substr(0, end);
    if (!line.ok() || end == std::string_view::npos) break;
    lines.push_back(*std::move(line));
    text.remove_prefix(end + 1);
  }
  return lines;
}

class Exports : public ViewRoutes {
 protected:
  std::string Header(const Reply& reply, std::string_view name) {
    return std::string(reply.headers.Find(name).value_or("(none)"));
  }
  // The exact paths of the rows, in their order.
  std::vector<std::string> Paths(const std::string& query) {
    const Reply reply = Get("/v/export?columns=path,path_b64&" + query);
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_TRUE(reply.ended);
    std::vector<std::string> paths;
    if (query.find("format=csv") != std::string::npos) {
      for (const Record& record : ParseCsv(reply.body)) {
        paths.push_back(record[1] ? Base64Decode(*record[1]).value_or("?") : *record[0]);
      }
      EXPECT_EQ(paths.front(), "?");  // The line of names.
      paths.erase(paths.begin());
      return paths;
    }
    if (query.find("format=parquet") != std::string::npos) {
      const parquet::Table table = parquet::FileReader(reply.body, nullptr).Read();
      EXPECT_EQ(table.names, (std::vector<std::string>{"path", "path_b64"}));
      for (std::size_t i = 0; i < table.columns[0].size(); ++i) {
        const parquet::Cell& exact = table.columns[1][i];
        paths.push_back(exact ? Base64Decode(*exact).value_or("?") : *table.columns[0][i]);
      }
      return paths;
    }
    for (const json::Value& line : ParseNdjson(reply.body)) {
      const json::Value* exact = line.Find("path_b64");
      paths.push_back(exact->is_null() ? std::string(*line.GetString("path"))
                                       : Base64Decode(*exact->AsString()).value());
    }
    return paths;
  }
};

TEST_F(Exports, NdjsonHasEveryColumn) {
  view_->Put("/d", EntryKind::kDirectory, 4096);
  view_->Put("/d/l\xff", EntryKind::kSymlink, 3, "t\xfe");
  view_->tree_.Publish();
  const Reply reply = Get("/v/export");
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.ended);
  EXPECT_EQ(Header(reply, "Content-Type"), "application/x-ndjson");
  EXPECT_EQ(Header(reply, "Content-Disposition"),
            "attachment; filename=\"v-20231114T221320Z.ndjson\"");
  EXPECT_EQ(Header(reply, "X-Fustor-Revision"), "1");
  EXPECT_EQ(Header(reply, "X-Fustor-View"), "v");
  EXPECT_EQ(Header(reply, "X-Fustor-Time"), "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(
      reply.body,
      R"({"path":"/d","name":"d","parent":"/","depth":1,"type":"directory","size":4096,)"
      R"("allocated":4096,"mtime":"2020-09-13T12:26:40.000004096Z",)"
      R"("ctime":"2020-09-13T12:26:41.500000000Z","atime":"2020-09-13T12:26:42.000000000Z",)"
      R"("mode":16877,"uid":1000,"gid":100,"device":null,"inode":42,"nlink":2,)"
      R"("symlink_target":null,"flags":"","agent":"agent-1","source":"/data","path_b64":null,)"
      R"("symlink_target_b64":null})"
      "\n"
      "{\"path\":\"/d/l\xEF\xBF\xBD\",\"name\":\"l\xEF\xBF\xBD\",\"parent\":\"/d\",\"depth\":2,"
      R"("type":"symlink","size":3,"allocated":512,"mtime":"2020-09-13T12:26:40.000000003Z",)"
      R"("ctime":"2020-09-13T12:26:41.500000000Z","atime":"2020-09-13T12:26:42.000000000Z",)"
      R"("mode":41471,"uid":1000,"gid":100,"device":null,"inode":42,"nlink":1,)"
      "\"symlink_target\":\"t\xEF\xBF\xBD\",\"flags\":\"\",\"agent\":\"agent-1\","
      R"("source":"/data","path_b64":"L2QvbP8=","symlink_target_b64":"dP4="})"
      "\n");
}

TEST_F(Exports, CsvQuotesWhatItMust) {
  view_->Put("/a,\"b\"\r\n", EntryKind::kFile, 1);
  view_->Put("/=cmd", EntryKind::kSymlink, 1, "-1,");
  view_->tree_.Publish();
  const std::string columns = "&columns=name,size,symlink_target,flags,mtime_ns";
  EXPECT_EQ(Get("/v/export?format=csv" + columns).body,
            "name,size,symlink_target,flags,mtime_ns\r\n"
            "=cmd,1,\"-1,\",\"\",1600000000000000001\r\n"
            "\"a,\"\"b\"\"\r\n\",1,,\"\",1600000000000000001\r\n");
  EXPECT_EQ(Get("/v/export?format=csv&spreadsheet=true" + columns).body,
            "name,size,symlink_target,flags,mtime_ns\r\n"
            "'=cmd,1,\"'-1,\",\"\",1600000000000000001\r\n"
            "\"a,\"\"b\"\"\r\n\",1,,\"\",1600000000000000001\r\n");
  EXPECT_EQ(Header(Get("/v/export?format=csv"), "Content-Type"),
            "text/csv; charset=utf-8; header=present");
}

// An empty view still has its line of names.
TEST_F(Exports, OfNothingIsWhole) {
  view_->tree_.Publish();
  EXPECT_EQ(Get("/v/export").body, "");
  EXPECT_TRUE(Get("/v/export").ended);
  EXPECT_EQ(Get("/v/export?format=csv&columns=path").body, "path\r\n");
}

TEST_F(Exports, FlagsSayWhatIsNotCertain) {
  view_->PutFile("/d/f");
  view_->PutFile("/e");
  tree::Entry entry;
  entry.flags = tree::kSuspect | tree::kUncertain;
  view_->tree_.Put(tree::kRoot, "g", entry);
  view_->tree_.Publish();
  view_->status_.uncertain.emplace_back().path = "/d";
  view_->status_.audit_only = {"/d/f"};
  EXPECT_EQ(Get("/v/export?format=csv&columns=path,flags,agent,inode").body,
            "path,flags,agent,inode\r\n"
            "/d,agent_missing implied uncertain,,\r\n"
            "/d/f,uncertain audit_only,agent-1,42\r\n"
            "/e,\"\",agent-1,42\r\n"
            "/g,suspect agent_missing uncertain,,\r\n");
}

TEST_F(Exports, TakeThePredicatesOfASearch) {
  view_->PutFile("/src/a.cc", 10);
  view_->PutFile("/src/b.h", 20);
  view_->PutFile("/z", 30);
  view_->tree_.Publish();
  using Strings = std::vector<std::string>;
  EXPECT_EQ(Paths(""), (Strings{"/src", "/src/a.cc", "/src/b.h", "/z"}));
  EXPECT_EQ(Paths("under=/src"), (Strings{"/src", "/src/a.cc", "/src/b.h"}));
  EXPECT_EQ(Paths("type=file&size_min=20"), (Strings{"/src/b.h", "/z"}));
  EXPECT_EQ(Paths("pattern=*.cc&limit=0&cursor=x"), (Strings{"/src/a.cc"}));
  EXPECT_EQ(Paths("max_depth=1&type=directory"), (Strings{"/src"}));
}

TEST_F(Exports, SayWhatIsWrong) {
  view_->PutFile("/a");
  view_->tree_.Publish();
  for (const auto& [query, name] :
       std::map<std::string, std::string>{{"format=xml", "format"},
                                          {"columns=path,,size", "columns"},
                                          {"columns=path,path", "columns"},
                                          {"columns=what", "columns"},
                                          {"spreadsheet=maybe", "spreadsheet"},
                                          {"size_min=-1", "size_min"}}) {
    const Reply reply = Get("/v/export?" + query);
    EXPECT_EQ(reply.status, 422) << query;
    EXPECT_NE(reply.body.find("\"loc\":[\"query\",\"" + name + "\"]"), std::string::npos)
        << reply.body;
  }
  EXPECT_EQ(Ask("GET", "/api/v1/views/v/export", {{"x-api-key", "other"}}).status, 403);
  EXPECT_EQ(Ask("GET", "/api/v1/views/v/export", {}).status, 401);
  views_.forests_["lost"] = {"v"};
  EXPECT_EQ(Ask("GET", "/api/v1/views/lost/export").status, 400);
  view_->status_.ready = view_->status_.was_ready_once = false;
  EXPECT_EQ(Get("/v/export").status, 503);
}

TEST_F(Exports, OfHeadIsTheHeadAlone) {
  view_->PutFile("/a");
  view_->tree_.Publish();
  const Reply reply = Ask("HEAD", "/api/v1/views/v/export?format=csv");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(Header(reply, "X-Fustor-Revision"), "1");
}

// Hostile names, in every format, in pieces, while the tree changes: one revision, every byte.
TEST_F(Exports, ShowOneRevision) {
  constexpr const char* kFormats[] = {"ndjson", "csv", "parquet"};
  options_.piece_bytes = 300;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    on_write_ = nullptr;
    view_->tree_.Clear();
    const auto name = [&random] {
      static constexpr std::string_view kBytes = "ab\xff\xc3\xa9 ,\"\n\r\t'=\\";
      std::string name;
      for (std::uint64_t i = random.Below(6) + 1; i > 0; --i) {
        name += kBytes[random.Below(kBytes.size())];
      }
      return name;
    };
    std::set<std::string> model;
    for (int i = 0; i < 120; ++i) {
      std::string path = "/" + name();
      if (random.Chance(1, 2)) path = "/dir" + path;
      if (path == "/dir") continue;
      view_->PutFile(path);
      model.insert(path);
    }
    view_->tree_.Publish();
    on_write_ = [&] {
      for (int i = 0; i < 5; ++i) view_->PutFile("/" + name());
      if (const auto dir = view_->tree_.FindDirectory("/dir")) {
        view_->tree_.Erase(tree::kRoot, "dir");
      }
      view_->tree_.Publish();
    };
    const std::vector<std::string> paths =
        Paths("type=file&format=" + std::string(kFormats[random.Below(3)]));
    EXPECT_EQ(paths.size(), model.size());
    EXPECT_EQ(std::set<std::string>(paths.begin(), paths.end()), model);
  }
}

// Who reads slowly may hold old memory only so long, and sees that the rest is missing.
TEST_F(Exports, EndWithoutAnEndWhenTheyMayNotGoOn) {
  options_.piece_bytes = 300;
  for (int i = 0; i < 100; ++i) view_->PutFile("/" + std::to_string(i));
  view_->tree_.Publish();
  on_write_ = [&] { view_->status_.memory.retired_bytes = std::uint64_t{2} << 30; };
  const Reply held = Get("/v/export");
  EXPECT_EQ(held.status, 200);
  EXPECT_EQ(held.writes, 1);
  EXPECT_FALSE(held.ended);

  view_->status_.memory.retired_bytes = 0;
  on_write_ = [&] { views_.keys_.erase("k"); };
  const Reply revoked = Get("/v/export");
  EXPECT_EQ(revoked.writes, 1);
  EXPECT_FALSE(revoked.ended);
}

TEST_F(Exports, AreSoManyAtOnce) {
  view_->PutFile("/a");
  view_->tree_.Publish();
  options_.long_answers_max = 0;
  const Reply refused = Get("/v/export");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(Header(refused, "Retry-After"), "10");

  const Places places(2);
  Places::Place one = places.Take();
  const Places::Place two = places.Take();
  EXPECT_TRUE(one != nullptr && two != nullptr);
  EXPECT_EQ(places.Take(), nullptr);
  EXPECT_EQ(places.Take(), nullptr);
  one.reset();
  EXPECT_NE(places.Take(), nullptr);
}

TEST(ExportRow, TimesAreExact) {
  const auto iso = [](std::int64_t ns) {
    std::string text;
    AppendIsoTime(ns, &text);
    return text;
  };
  EXPECT_EQ(iso(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(iso(-1), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(iso(1'709'210'096'000'000'001), "2024-02-29T12:34:56.000000001Z");
  EXPECT_EQ(iso(INT64_MIN), "1677-09-21T00:12:43.145224192Z");
  EXPECT_EQ(iso(INT64_MAX), "2262-04-11T23:47:16.854775807Z");
}

TEST(ExportRow, TextKeepsWhatIsText) {
  const auto text = [](std::string_view bytes) {
    std::string text;
    AppendAsText(bytes, &text);
    return text;
  };
  EXPECT_EQ(text("a\xc3\xa9"), "a\xc3\xa9");
  EXPECT_EQ(text("\xc3"), "\xEF\xBF\xBD");
  EXPECT_EQ(text("a\xff\xc3\xa9\xed\xa0\x80z"),
            "a\xEF\xBF\xBD\xc3\xa9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
}

}  // namespace
}  // namespace fustor::fusion
