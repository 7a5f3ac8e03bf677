// answers.h: Fusion's JSON answers as plain types.
//
// Pure. Members that an older or newer Fusion does not send keep their defaults; a member of a
// wrong type is an error (kInvalidArgument that names it). Times come from the _ns members.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lib/json/json.h"
#include "svc/client/core/node.h"

namespace fustor::client {

Result<Node> DecodeNode(const json::Value& value);

// Nodes of one page, in order; `json` is what they were decoded from, in the page's document.
// Moving a page leaves them where they are.
struct Page {
  struct Item {
    Node node;
    const json::Value* json = nullptr;
  };
  json::Value document;
  Node directory;  // Of a listing: decoded from the document itself.
  std::vector<Item> items;
  std::optional<std::string> next;
};
// A listing ({..., children, next}) or a search ({items, next}). Takes the document.
Result<Page> DecodePage(json::Value document);

struct ViewState {
  std::string id;
  std::string driver;
  std::vector<std::string> source_uris;
  bool ready = false;
  std::string freshness;  // "live", "stale", "none"
  std::string reason;
  std::uint64_t snapshot_rows = 0;
  std::uint64_t files = 0, directories = 0, bytes = 0, allocated_bytes = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t suspects = 0, refused = 0;
  bool has_blind_spot = false;
  bool is_auditing = false;
  std::optional<Nanos> evidence_age;
  std::optional<Nanos> file_evidence_age;  // Within it every file was looked at.
  std::string alarm;                       // Why scans delete nothing; empty: they do.
  std::size_t uncertain_count = 0;
  std::size_t audit_only_count = 0;
};
Result<std::vector<ViewState>> DecodeViews(const json::Value& value);

struct SessionState {
  std::string agent_id, task_id, client_ip, source_uri, role;
  bool can_realtime = false;
  WallTime last_activity, created_at;
};
Result<std::vector<SessionState>> DecodeSessions(const json::Value& value);

struct JobState {
  std::string id, view, path, status, error;
  std::uint64_t ended = 0, asked = 0;  // Agents' sessions.
  WallTime created_at;
  bool open() const { return status == "PENDING" || status == "RUNNING"; }
};
Result<JobState> DecodeJob(const json::Value& value);

// The sentence of {"detail": ...} in either of its forms; empty when there is none.
std::string DetailOf(const json::Value& value);

}  // namespace fustor::client
