#include "svc/agent/core/projection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fustor::agent {
namespace {

using Type = FieldRule::Type;
using testing::HasSubstr;

FieldRule From(std::string to, std::string source, Type type = Type::kAny, bool required = false) {
  FieldRule rule;
  rule.to = std::move(to);
  rule.sources = {{std::move(source), type}};
  rule.required = required;
  return rule;
}
FieldRule Constant(std::string to, std::string value) {
  FieldRule rule;
  rule.to = std::move(to);
  rule.hardcoded_value = std::move(value);
  return rule;
}

EntryAttrs Full() {
  EntryAttrs a;
  a.kind = EntryKind::kSymlink;
  a.mode = 0120777;
  a.uid = 1000;
  a.gid = 100;
  a.nlink = 2;
  a.inode = 77;
  a.device = 5;
  a.size_bytes = 11;
  a.allocated_bytes = 4096;
  a.mtime_ns = 1'700'000'000'123'456'789;
  a.ctime_ns = 1'700'000'001'000'000'001;
  a.atime_ns = -1;
  return a;
}

batch::Change Upsert(const EntryAttrs& attrs, std::string target = "there") {
  batch::Change change;
  change.path = "/d/12";
  change.attrs = attrs;
  change.target = std::move(target);
  change.atomic = false;
  return change;
}

batch::Change Projected(std::vector<FieldRule> rules, const EntryAttrs& attrs = Full(),
                        std::string target = "there") {
  rules.insert(rules.begin(), From("path", "path"));
  for (const FieldRule& rule : rules) EXPECT_TRUE(Projection::Check(rule).ok()) << rule.to;
  EXPECT_TRUE(Projection::CheckAll(rules).ok());
  Projection projection(rules);
  batch::Batch batch;
  batch.changes.push_back(Upsert(attrs, std::move(target)));
  projection.Apply(&batch);
  return batch.changes[0];
}

TEST(Projection, WithoutARuleNothingChanges) {
  Projection projection({});
  batch::Batch batch;
  batch.changes.push_back(Upsert(Full()));
  projection.Apply(&batch);
  EXPECT_EQ(batch.changes[0].attrs, Full());
  EXPECT_EQ(batch.changes[0].target, "there");
  EXPECT_FALSE(batch.changes[0].atomic);
  EXPECT_TRUE(projection.keeps_evidence());
}

TEST(Projection, OnlyWhatIsNamedLeaves) {
  EntryAttrs bare;
  bare.kind = EntryKind::kSymlink;
  const batch::Change nothing = Projected({});
  EXPECT_EQ(nothing.attrs, bare);
  EXPECT_EQ(nothing.target, "");
  EXPECT_EQ(nothing.path, "/d/12");
  EXPECT_TRUE(nothing.atomic) << "the default of what is left out";
  EntryAttrs some = bare;
  some.size_bytes = 11;
  some.mtime_ns = Full().mtime_ns;
  EXPECT_EQ(Projected({From("size", "size"), From("modified_time", "modified_time")}).attrs, some)
      << "to the last nanosecond";
}

TEST(Projection, EveryFieldPassesAsItIs) {
  std::vector<FieldRule> all;
  for (const std::string& name : Projection::FieldNames()) {
    // One field by two names each.
    if (name != "path" && name != "modified_time_ns" && name != "created_time") {
      all.push_back(From(name, name));
    }
  }
  const batch::Change same = Projected(all);
  EXPECT_EQ(same.attrs, Full());
  EXPECT_EQ(same.target, "there");
  EXPECT_FALSE(same.atomic);
}

TEST(Projection, ConvertsAndFallsBack) {
  FieldRule first = From("size", "symlink_target", Type::kInteger);
  first.sources.push_back({"nlink", Type::kAny});
  first.sources.push_back({"uid", Type::kAny});
  EXPECT_EQ(Projected({first}).attrs.size_bytes, 2) << "'there' is no integer";
  EXPECT_EQ(Projected({From("size", "file_name", Type::kInteger)}).attrs.size_bytes, 12);
  EXPECT_EQ(Projected({From("size", "file_name")}).attrs.size_bytes, 12)
      << "as the target wants it";
  EXPECT_EQ(Projected({From("size", "modified_time", Type::kInteger)}).attrs.size_bytes,
            1'700'000'000);
  EXPECT_EQ(Projected({From("size", "accessed_time", Type::kInteger)}).attrs.size_bytes, 0)
      << "-1 is no size";
  EXPECT_EQ(Projected({From("modified_time", "modified_time", Type::kInteger)}).attrs.mtime_ns,
            1'700'000'000'000'000'000);
  EXPECT_EQ(Projected({From("symlink_target", "uid", Type::kString)}).target, "1000");
  EXPECT_EQ(Projected({From("uid", "is_directory")}).attrs.uid, 0u);
  EXPECT_FALSE(Projected({From("is_atomic_write", "uid", Type::kString)}).atomic == false)
      << "'1000' is no boolean: left out";
  EXPECT_EQ(Projected({Constant("uid", "7")}).attrs.uid, 7u);
  FieldRule both = From("uid", "symlink_target");
  both.hardcoded_value = "9";
  EXPECT_EQ(Projected({both}).attrs.uid, 9u);
}

TEST(Projection, WhatCannotBeHadIsLeftOutAndCounted) {
  const std::vector<FieldRule> rules = {From("path", "path"),
                                        From("uid", "symlink_target", Type::kInteger)};
  Projection projection(rules);
  batch::Batch batch;
  batch.changes.push_back(Upsert(Full(), "no number"));
  batch.changes.push_back(Upsert(Full(), ""));
  projection.Apply(&batch);
  EXPECT_EQ(batch.changes[0].kind, batch::Change::Kind::kUpsert);
  EXPECT_EQ(batch.changes[0].attrs.uid, 0u);
  EXPECT_EQ(projection.fields_left_out(), 1u) << "what is not there is no fault";
  EXPECT_EQ(projection.rows_left_out(), 0u);
  EXPECT_FALSE(projection.keeps_evidence());
}

TEST(Projection, RowsWithoutWhatIsRequiredAreNotThere) {
  const std::vector<FieldRule> rules = {From("path", "path"),
                                        From("symlink_target", "symlink_target", Type::kAny, true)};
  Projection projection(rules);
  EntryAttrs directory;
  directory.kind = EntryKind::kDirectory;
  batch::Batch changes;
  changes.changes.push_back(Upsert(Full(), ""));
  changes.changes.push_back(Upsert(directory, ""));
  projection.Apply(&changes);
  EXPECT_EQ(changes.changes[0].kind, batch::Change::Kind::kDelete);
  EXPECT_EQ(changes.changes[0].path, "/d/12");
  EXPECT_EQ(changes.changes[1].kind, batch::Change::Kind::kUpsert) << "a directory";
  batch::Batch listing;
  batch::DirBlock& block = listing.blocks.emplace_back();
  block.path = "/d";
  block.self = directory;
  block.self.uid = 5;
  block.complete = true;
  block.rows.Append("a", Full(), "x");
  block.rows.Append("b", Full(), "");
  block.rows.Append("c", directory, "");
  projection.Apply(&listing);
  ASSERT_EQ(block.rows.size(), 2u);
  EXPECT_EQ(block.rows.name(0), "a");
  EXPECT_EQ(block.rows.target(0), "x");
  EXPECT_EQ(block.rows.name(1), "c");
  EXPECT_TRUE(block.self.is_directory());
  EXPECT_EQ(block.self.uid, 0u);
  EXPECT_TRUE(block.complete);
  EXPECT_EQ(projection.rows_left_out(), 2u);
}

TEST(Projection, SaysWhatIsWrongWithRules) {
  const std::pair<FieldRule, std::string> wrong[] = {
      {From("sise", "size"), "to: 'sise' is no field of a row; did you mean 'size'?"},
      {From("size", "owner"), "source: 'owner' is no field of a row"},
      {From("path", "file_name"), "to: 'path' can only be what it is"},
      {Constant("path", "/x"), "to: 'path' can only be what it is"},
      {Constant("is_directory", "true"), "can only be what it is"},
      {Constant("uid", "root"), "hardcoded_value: 'root' is no value of 'uid'"},
      {Constant("uid", "-1"), "is no value of 'uid'"},
  };
  for (const auto& [rule, error] : wrong) {
    EXPECT_THAT(Projection::Check(rule).message(), HasSubstr(error));
  }
  EXPECT_THAT(Projection::CheckAll({From("size", "size")}).message(),
              HasSubstr("a rule for 'path' is missing"));
  EXPECT_THAT(Projection::CheckAll({From("path", "path"), From("changed_time", "size"),
                                    From("created_time", "size")})
                  .message(),
              HasSubstr("two rules make 'created_time'"));
}

}  // namespace
}  // namespace fustor::agent
