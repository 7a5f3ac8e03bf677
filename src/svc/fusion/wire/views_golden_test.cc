// What clients ask over gRPC and what they were answered once means the same for ever. Every field
// of api/proto/fustor/v1/views.proto is set in one of these messages (e2e/test_grpc_views.py
// looks).
#include <gtest/gtest.h>

#include "fustor/v1/views.pb.h"
#include "svc/fusion/wire/golden_testing.h"

namespace fustor::fusion {
namespace {

namespace pb = ::fustor::v1;

// The recorded bytes are read without a rest that is not known, and as what they were written from.
template <class Message>
void ExpectRecorded(const std::string& name, const Message& now) {
  const std::string recorded =
      Golden(FUSTOR_GOLDEN_DIR "/views/" + name + ".bin", now.SerializeAsString());
  Message read;
  ASSERT_TRUE(read.ParseFromString(recorded)) << name;
  EXPECT_EQ(read.SerializeAsString(), now.SerializeAsString()) << name;
}

pb::Totals SomeTotals() {
  pb::Totals totals;
  totals.set_files(3);
  totals.set_directories(2);
  totals.set_size(1LL << 40);
  totals.set_allocated_size(4096);
  totals.set_latest_mtime_ns(1'700'000'000'123'456'789);
  return totals;
}

pb::Trust SomeTrust() {
  pb::Trust trust;
  trust.set_ready(true);
  trust.set_stale_reason("leader lost");
  trust.set_stale_since_ns(1'700'000'000'000'000'001);
  trust.set_evidence_age_ns(-1);
  return trust;
}

pb::Entry SomeEntry() {
  pb::Entry entry;
  entry.set_path("/d\xC3\xA4ta/\xFF");
  entry.set_kind(pb::ENTRY_KIND_SYMLINK);
  entry.set_size(12);
  entry.set_allocated_size(4096);
  entry.set_mtime_ns(-2'147'483'648'000'000'000);
  entry.set_ctime_ns(1'700'000'000'123'456'789);
  entry.set_atime_ns(1);
  entry.set_mode(0120777);
  entry.set_uid(4'294'967'294);
  entry.set_gid(100);
  entry.set_nlink(2);
  entry.set_inode(1ULL << 63);
  entry.set_device(2049);
  entry.set_symlink_target("../\xFE");
  entry.set_suspect(true);
  entry.set_audit_skipped(true);
  entry.set_agent_missing(true);
  entry.set_uncertain(true);
  entry.set_agent_id("agent-1");
  entry.set_source_uri("/data");
  *entry.mutable_totals() = SomeTotals();
  return entry;
}

TEST(Golden, RecordedQuestionsStillMeanTheSame) {
  pb::StatusRequest status;
  status.set_view_id("v");
  ExpectRecorded("status_request", status);
  pb::StatRequest stat;
  stat.set_view_id("v");
  stat.set_path("/a/\xFF");
  stat.set_totals(true);
  ExpectRecorded("stat_request", stat);
  pb::DuRequest du;
  du.set_view_id("v");
  du.set_path("/a");
  ExpectRecorded("du_request", du);
  pb::TreeRequest tree;
  tree.set_view_id("v");
  tree.set_path("/a");
  tree.set_max_depth(0);  // Not the same as absent.
  tree.set_limit(1000);
  tree.set_after("/a/b");
  tree.set_totals(true);
  ExpectRecorded("tree_request", tree);
  pb::SearchRequest search;
  search.set_view_id("v");
  search.set_pattern("*.txt");
  search.set_under("/a");
  search.set_kind(pb::ENTRY_KIND_FILE);
  search.set_size_min(0);
  search.set_size_max(1LL << 50);
  search.set_mtime_min_ns(-1);
  search.set_mtime_max_ns(1'700'000'000'000'000'000);
  search.set_max_depth(7);
  search.set_limit(10);
  search.set_after("/a/x.txt");
  search.set_totals(true);
  ExpectRecorded("search_request", search);
  pb::SearchRequest choice;
  choice.set_regex("^a.*[0-9]$");
  choice.set_regex_any_case(true);
  choice.set_min_depth(0);  // Not the same as absent.
  choice.set_ctime_min_ns(-2);
  choice.set_ctime_max_ns(1'700'000'000'000'000'001);
  choice.set_atime_min_ns(-3);
  choice.set_atime_max_ns(1'700'000'000'000'000'002);
  choice.add_uids(0);
  choice.add_uids(1000);
  choice.add_gids(100);
  choice.set_mode("/022");
  choice.add_extensions("tar.gz");
  choice.add_flags("suspect");
  choice.add_not_flags("uncertain");
  choice.set_links_min(2);
  ExpectRecorded("search_request_choice", choice);
  pb::ChangesRequest changes;
  changes.set_view_id("v");
  changes.add_paths("/a");
  changes.add_paths("/\xFF");
  changes.set_since("17-18a3f2c");
  ExpectRecorded("changes_request", changes);
}

TEST(Golden, RecordedAnswersStillMeanTheSame) {
  pb::StatusResponse status;
  pb::View& view = *status.add_views();
  view.set_id("v");
  view.set_driver("fs");
  view.add_source_uris("/data");
  view.set_ready(true);
  view.set_was_ready_once(true);
  view.set_not_ready_reason("No active leader session.");
  view.set_snapshot_rows(5);
  view.set_revision(6);
  *view.mutable_totals() = SomeTotals();
  view.set_suspects(7);
  view.set_blind_additions(8);
  view.set_blind_deletions(9);
  view.set_refused_items(10);
  view.set_memory_bytes(11);
  view.set_auditing(true);
  *view.mutable_trust() = SomeTrust();
  ExpectRecorded("status_response", status);
  pb::StatResponse stat;
  *stat.mutable_entry() = SomeEntry();
  stat.set_revision(12);
  *stat.mutable_trust() = SomeTrust();
  ExpectRecorded("stat_response", stat);
  pb::StatResponse audited;
  audited.mutable_entry()->set_path("/d");
  audited.mutable_entry()->set_kind(pb::ENTRY_KIND_DIRECTORY);
  audited.mutable_entry()->set_audit_only(true);
  audited.mutable_entry()->set_listed_ns(1'700'000'000'000'000'000);
  audited.mutable_trust()->set_file_evidence_age_ns(60'000'000'000);
  audited.mutable_trust()->set_alarm("an audit misses 200 of 300 entries");
  ExpectRecorded("stat_response_audited", audited);
  pb::DuResponse du;
  *du.mutable_totals() = SomeTotals();
  du.set_revision(13);
  *du.mutable_trust() = SomeTrust();
  ExpectRecorded("du_response", du);
  pb::EntriesResponse entries;
  *entries.add_entries() = SomeEntry();
  entries.set_revision(14);
  *entries.mutable_trust() = SomeTrust();
  entries.set_next("/a/b");
  ExpectRecorded("entries_response", entries);
}

TEST(Golden, RecordedJobsStillMeanTheSame) {
  pb::ScanRequest scan;
  scan.set_view_id("v");
  scan.set_path("/a/\xFF");
  scan.set_recursive(true);
  ExpectRecorded("scan_request", scan);
  pb::Job job;
  job.set_id("0123abcd");
  job.set_view_id("v");
  job.set_path("/a/\xFF");
  job.set_recursive(true);
  job.set_status("FAILED");
  job.set_completed_pipes(1);
  job.set_total_pipes(2);
  job.set_created_at_ns(1'700'000'000'000'000'003);
  job.set_completed_at_ns(1'700'000'000'000'000'004);
  job.set_error("the agent has gone");
  pb::ScanResponse started;
  *started.mutable_job() = job;
  ExpectRecorded("scan_response", started);
  pb::JobsRequest list;
  list.set_view_id("v");
  list.set_job_id("0123abcd");
  ExpectRecorded("jobs_request", list);
  pb::JobsResponse jobs;
  *jobs.add_jobs() = job;
  ExpectRecorded("jobs_response", jobs);
}

TEST(Golden, RecordedChangesStillMeanTheSame) {
  pb::ChangesResponse changes;
  for (const auto kind : {pb::ViewChange::CREATED, pb::ViewChange::UPDATED, pb::ViewChange::REMOVED,
                          pb::ViewChange::MOVED}) {
    pb::ViewChange& change = *changes.add_changes();
    change.set_kind(kind);
    change.set_revision(15);
    change.set_time_ns(1'700'000'000'000'000'002);
    change.set_old_path("/from");
    change.set_content(true);
    change.set_permissions(true);
    change.set_attributes(true);
    change.set_trust(true);
    *change.mutable_entry() = SomeEntry();
  }
  changes.set_position("15-ab");
  changes.set_revision(15);
  ExpectRecorded("changes_response", changes);
  pb::ChangesResponse reset;
  reset.set_kind(pb::ChangesResponse::RESET);
  reset.set_reason("more has changed than is kept");
  reset.set_position("16-ab");
  ExpectRecorded("changes_reset", reset);
}

}  // namespace
}  // namespace fustor::fusion
