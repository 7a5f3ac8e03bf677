// change_events.h: the change feed as server-sent events (docs/http-api.md, "Changes").
//
// Pure. An event that carries an id ends a revision: whoever resumes behind it has missed nothing
// and gets nothing twice. The other events of a revision have none, so that a cut between them
// brings the whole revision again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "svc/fusion/flow/view.h"
#include "svc/fusion/wire/node_json.h"

namespace fustor::fusion {

// Which changes concern somebody who looks at some subtrees only: those of entries in them, and
// those that take away or bring in what is above them.
class ChangeFilter {
 public:
  // View paths; none: everything.
  explicit ChangeFilter(std::vector<std::string> paths);
  bool Passes(const RevisionChanges& changes, std::size_t row) const;

 private:
  bool Concerns(std::string_view path, bool with_what_is_below) const;

  std::vector<std::string> paths_;  // Empty: everything.
};

// {"kind":"updated","revision":7,"time":...,["old_path":...,["old_path_b64":...],]
//  ["changed":["content","permissions","attributes","trust"],]"node":{...}}
void AppendChangeJson(const RevisionChanges& changes, std::size_t row, const NodeJson& nodes,
                      std::string* out);

// Writes the events of changes one after the other, as many at a time as the caller likes.
class ChangeEvents {
 public:
  // All must outlive it.
  ChangeEvents(const std::vector<std::shared_ptr<const RevisionChanges>>& revisions,
               const ChangeFilter& filter, const NodeJson& nodes, FeedPosition position);
  // Appends events until `*out` has about `bytes_max`. False: all have been written.
  bool Step(std::size_t bytes_max, std::string* out);
  bool wrote_any() const { return wrote_any_; }

 private:
  const std::vector<std::shared_ptr<const RevisionChanges>>& revisions_;
  const ChangeFilter& filter_;
  const NodeJson& nodes_;
  FeedPosition position_;  // Its incarnation.
  std::size_t revision_ = 0;
  std::size_t row_ = 0;
  bool open_ = false;  // An event still lacks its end.
  bool wrote_any_ = false;
};

// "start": from here on. "reset": changes were missed, the tree must be read again.
void AppendStartEvent(std::string_view view_id, const FeedPosition& position, bool resumed,
                      std::string* out);
void AppendResetEvent(std::string_view view_id, const FeedPosition& position,
                      std::string_view reason, std::string* out);
// Nothing new; moves the reader's id on.
void AppendHeartbeat(const FeedPosition& position, std::string* out);

}  // namespace fustor::fusion
