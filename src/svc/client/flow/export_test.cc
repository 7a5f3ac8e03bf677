// `fustor export`.
#include "svc/client/flow/commands_testing.h"

namespace fustor::client {
namespace {

constexpr char kExport[] = "/api/v1/views/v/export";

class ExportCommand : public Commands {
 protected:
  int Export(const ExportOptions& options) {
    Options all;
    all.export_ = options;
    return Run("export", all);
  }
};

TEST_F(ExportCommand, PassesBytesOnAsTheyCome) {
  world_.downloads[kExport].pieces = {"{\"path\":\"\xff", "\"}\n"};
  EXPECT_EQ(Export({.columns = "path", .pattern = "*.c", .choice = {.type = "file"}}),
            cli::kExitOk);
  EXPECT_EQ(terminal_.text_, "{\"path\":\"\xff\"}\n");
  EXPECT_EQ(world_.asked.back(),
            std::string(kExport) + " format=ndjson under=/d columns=path pattern=*.c type=file");
  EXPECT_EQ(terminal_.errors_, "");
}

TEST_F(ExportCommand, WritesAFileWhenAllIsThere) {
  world_.downloads[kExport].pieces = {"path\r\n", "/a\r\n"};
  EXPECT_EQ(Export({.path = "/data", .output = "/tmp/o.csv", .spreadsheet = true}), cli::kExitOk);
  EXPECT_EQ(world_.asked.back(), std::string(kExport) + " format=csv under=/ spreadsheet=true");
  EXPECT_EQ(host_.written_["/tmp/o.csv"], "path\r\n/a\r\n");
  EXPECT_EQ(terminal_.text_, "");
  // The option is stronger than the name.
  EXPECT_EQ(Export({.format = "ndjson", .output = "/tmp/o.csv"}), cli::kExitOk);
  EXPECT_EQ(world_.asked.back(), std::string(kExport) + " format=ndjson under=/d");
}

TEST_F(ExportCommand, KeepsParquetOffTerminals) {
  terminal_.interactive_ = true;
  EXPECT_EQ(Export({.format = "parquet"}), cli::kExitFailed);
  EXPECT_EQ(terminal_.errors_,
            "fustor: Parquet is nothing to look at: say with -o FILE where it shall go\n");
  EXPECT_TRUE(world_.asked.empty());
  EXPECT_EQ(Export({.output = "/tmp/o.parquet"}), cli::kExitOk);
  EXPECT_EQ(world_.asked.back(), std::string(kExport) + " format=parquet under=/d");
}

TEST_F(ExportCommand, LeavesNoHalfFile) {
  world_.downloads[kExport] = {.pieces = {"path\r\n"}, .status = 0};
  EXPECT_EQ(Export({.output = "o.csv"}), cli::kExitFailed);
  EXPECT_EQ(terminal_.errors_,
            "fustor: the answer broke off: connection lost; o.csv was not written\n");
  EXPECT_TRUE(host_.written_.empty());

  EXPECT_EQ(Export({}), cli::kExitFailed);
  EXPECT_EQ(terminal_.text_, "path\r\n");
  EXPECT_EQ(terminal_.errors_, "fustor: the answer broke off: connection lost\n");

  world_.downloads[kExport] = {.pieces = {"path\r\n"}};
  host_.disk_bytes_ = 3;
  EXPECT_EQ(Export({.output = "o.csv"}), cli::kExitFailed);
  EXPECT_EQ(terminal_.errors_, "fustor: cannot write o.csv: the disk is full\n");
  EXPECT_EQ(Export({.output = "/none/o"}), cli::kExitFailed);
  EXPECT_EQ(terminal_.errors_, "fustor: no such folder\n");
  EXPECT_TRUE(host_.written_.empty());
}

TEST_F(ExportCommand, SaysWhatFusionSays) {
  world_.downloads[kExport] = {.status = 429, .body = R"({"detail":"ask again later"})"};
  EXPECT_EQ(Export({}), cli::kExitNotReady);
  EXPECT_EQ(terminal_.errors_, "fustor: ask again later; --wait waits for it\n");
  world_.downloads[kExport] = {.status = 422, .body = R"({"detail":"columns is wrong"})"};
  EXPECT_EQ(Export({}), cli::kExitFailed);
  EXPECT_EQ(Export({.path = "/data/none"}), cli::kExitFailed);
  EXPECT_NE(terminal_.errors_.find("no such file or directory"), std::string::npos);
}

TEST_F(ExportCommand, EndsWellWhenNobodyReads) {
  world_.downloads[kExport].pieces = {std::string(100'000, 'x'), "y"};
  terminal_.bytes_max_ = 10;
  EXPECT_EQ(Export({}), cli::kExitOk);
  EXPECT_EQ(terminal_.errors_, "");
}

TEST_F(ExportCommand, ShowsProgressOnlyToPeople) {
  world_.downloads[kExport].pieces = {std::string(2048, 'x')};
  terminal_.errors_interactive_ = true;
  EXPECT_EQ(Export({.output = "o"}), cli::kExitOk);
  EXPECT_NE(terminal_.errors_.find("2.0K written"), std::string::npos);
  terminal_.interactive_ = true;  // The export itself is shown there.
  EXPECT_EQ(Export({}), cli::kExitOk);
  EXPECT_EQ(terminal_.errors_, "");
}

}  // namespace
}  // namespace fustor::client
