#include "svc/client/wire/answers.h"

#include <gtest/gtest.h>

#include "adapters/json/parse.h"

namespace fustor::client {
namespace {

json::Value Parse(std::string_view text) {
  Result<json::Value> value = json::Parse(text);
  EXPECT_TRUE(value.ok()) << value.status().ToString();
  return value.ok() ? *std::move(value) : json::Value();
}

TEST(Answers, NodesComeBackWithAllTheirDigits) {
  const Result<Node> node = DecodeNode(Parse(
      R"({"name":"l\udcff","path":"/d/l\udcff","content_type":"file","size":5,)"
      R"("modified_time":1600000000.123456789,"created_time":1600000001.5,)"
      R"("integrity_suspect":true,"last_agent_id":"a","source_uri":null,"agent_missing":true,)"
      R"("modified_time_ns":1600000000123456789,"changed_time":1600000001.5,)"
      R"("accessed_time":-0.5,"mode":41471,"uid":4294967294,"gid":1,)"
      R"("inode":18446744073709551615,"nlink":2,"allocated_size":512,"symlink_target":"t\udc80",)"
      R"("kind":"symlink","uncertain":true,"future_member":{"x":[]},)"
      R"("totals":{"file_count":1,"dir_count":2,"total_size":3,"allocated_size":4,)"
      R"("latest_mtime_ns":5}})"));
  ASSERT_TRUE(node.ok()) << node.status().ToString();
  EXPECT_EQ(node->path, "/d/l\xff");
  EXPECT_EQ(node->name(), "l\xff");
  EXPECT_EQ(node->attrs.kind, EntryKind::kSymlink);
  EXPECT_EQ(node->attrs.mtime_ns, 1600000000123456789);
  EXPECT_EQ(node->attrs.ctime_ns, 1600000001500000000);
  EXPECT_EQ(node->attrs.atime_ns, -500000000);
  EXPECT_EQ(node->attrs.inode, UINT64_MAX);
  EXPECT_EQ(node->attrs.uid, 4294967294u);
  EXPECT_EQ(node->target, "t\x80");
  EXPECT_TRUE(node->suspect && node->uncertain && node->agent_missing);
  EXPECT_EQ(node->totals->allocated_bytes, 4u);
}

TEST(Answers, WrongTypesAreNamed) {
  EXPECT_EQ(DecodeNode(Parse(R"({"path":"/a","size":"big"})")).status().message(),
            "'size': expected an integer, found a string");
  EXPECT_EQ(DecodeNode(Parse(R"({"size":1})")).status().message(), "an entry without 'path'");
  EXPECT_FALSE(DecodeViews(Parse(R"({"views":3})")).ok());
  EXPECT_FALSE(DecodeViews(Parse("[]")).ok());
  EXPECT_FALSE(DecodePage(Parse(R"({"items":[{}]})")).ok());
}

TEST(Answers, PagesOfBothForms) {
  const auto listing = DecodePage(Parse(
      R"({"name":"","path":"/","content_type":"directory","children":[{"path":"/a"}],"next":"1.YQ"})"));
  ASSERT_TRUE(listing.ok());
  EXPECT_TRUE(listing->directory.attrs.is_directory());
  EXPECT_EQ(listing->items.size(), 1u);
  EXPECT_EQ(listing->next, "1.YQ");
  const auto search = DecodePage(Parse(R"({"items":[{"path":"/a"},{"path":"/b"}],"next":null})"));
  ASSERT_TRUE(search.ok());
  EXPECT_EQ(search->items[1].json->ToJson(), R"({"path":"/b"})");
  EXPECT_FALSE(search->next.has_value());
}

TEST(Answers, Details) {
  EXPECT_EQ(DetailOf(Parse(R"({"detail":"no"})")), "no");
  EXPECT_EQ(DetailOf(Parse(R"({"detail":[{"msg":"a"},{"msg":"b"},{}]})")), "a; b");
  EXPECT_EQ(DetailOf(Parse("[]")), "");
}

}  // namespace
}  // namespace fustor::client
