#include <algorithm>

#include "base/path.h"
#include "lib/http/answers.h"
#include "svc/fusion/wire/routes.h"
#include "svc/fusion/wire/tree_walk.h"

namespace fustor::fusion {
namespace {

// `count` is not known when counting ended at the maximum.
std::string TooLarge(std::string_view path, std::optional<std::uint64_t> count, std::uint64_t max) {
  return "The answer for '" + PrintablePath(path) + "' would hold " +
         (count ? std::to_string(*count) : "more than " + std::to_string(max)) +
         " entries, more than one answer may. Ask for fewer levels with max_depth, for one "
         "directory "
         "page by page with limit and cursor, or use /search with limit and cursor.";
}

// Whether the answer is larger than allowed. O(1) unless only the sum of all levels is too large
// and few levels are asked for; then they are counted, a slice at a time.
env::Task<bool> IsTooLarge(const ViewDoor& door, const TreeQuery& query,
                           const tree::Snapshot& snapshot, const tree::Entry& entry) {
  const std::uint64_t max = door.options.max_response_items;
  if (!entry.attrs.is_directory() || query.no_children || query.limit) co_return false;
  const std::uint32_t levels = query.depth_max.value_or(UINT32_MAX);
  if (levels == 0) co_return false;
  const tree::Aggregates sums = snapshot.AggregatesOf(entry.dir);
  if (sums.files + sums.directories <= max) co_return false;
  if (levels == UINT32_MAX) co_return true;
  DepthCount count(entry.dir, levels, max);
  Slices slices(door.clock, door.options.slice);
  for (;;) {
    const bool done = count.Step(snapshot, slices.Begin());
    slices.End();
    if (done) co_return count.count() > max;
    co_await NextTurn();
  }
}

// Everything below, in slices; lets go of the snapshot before it waits for the client.
env::Task<Status> WriteChildren(const ViewDoor& door, const OpenView& open, const TreeQuery& query,
                                const NodeJson& json, tree::DirId dir, Body& body,
                                std::optional<tree::Snapshot>& snapshot) {
  TreeWalk walk(json, query.path, dir, query.depth_max.value_or(UINT32_MAX));
  Slices slices(door.clock, door.options.slice);
  for (;;) {
    const bool done = walk.Step(*snapshot, slices.Begin(), body.full_bytes(), &body.text());
    slices.End();
    if (done) co_return Status();
    if (!body.full()) {
      co_await NextTurn();
      continue;
    }
    snapshot.reset();
    const Status flushed = co_await body.Flush();
    if (!flushed.ok()) co_return flushed;
    Result<tree::Snapshot> pinned = open.view->Pin();
    if (!pinned.ok()) co_return pinned.status();
    snapshot.emplace(std::move(pinned).value());
    walk.Rebase(*snapshot);
  }
}

// One page of a directory: up to `limit` children behind `after`, all of one revision.
env::Task<void> WritePage(const ViewDoor& door, const TreeQuery& query, const NodeJson& json,
                          const tree::Snapshot& snapshot, tree::DirId dir, std::string& out) {
  const NodeJson::Parent parent = NodeJson::MakeParent(query.path);
  Slices slices(door.clock, door.options.slice);
  std::uint64_t left = *query.limit;
  std::string last = query.after;
  bool first = true;
  bool more = true;
  bool exhausted = false;
  while (more && !exhausted) {
    std::uint64_t rows = slices.Begin();
    exhausted = snapshot.ForEachChild(dir, last, [&](const tree::Snapshot::Row& row) {
      if (left == 0) {
        more = false;
        return false;
      }
      if (rows == 0) return false;
      --rows;
      --left;
      if (!first) out += ',';
      first = false;
      json.AppendKey(row.name(), &out);
      json.AppendOpen(parent, row.name(), row.Load(), snapshot, &out);
      out += '}';
      last = row.name();
      return true;
    });
    slices.End();
    if (more && !exhausted) co_await NextTurn();
  }
  out += json.close_children();
  out += ",\"next\":";
  if (exhausted) {
    out += "null";
  } else {
    out += '"' + Cursor{snapshot.revision(), last}.Text() + '"';
  }
  out += ",\"revision\":" + std::to_string(snapshot.revision());
}

// Under what a listing of one level is kept for the next who asks: the question, and everything
// that its answer is made of. `head` is what stands before the children. nullopt: it is not kept,
// since more than the children's own rows goes into it, or since it is large.
struct Storable {
  std::string key;
  std::string version;
};
std::optional<Storable> StorableAs(const OpenView& open, const TreeQuery& query,
                                   const tree::Snapshot& snapshot, const tree::Entry& entry,
                                   std::string_view head, const http::AnswerStore* store) {
  constexpr std::uint64_t kChildrenMax = 1'000;
  if (store == nullptr || query.depth_max != 1u || query.no_children || query.limit ||
      query.totals || query.envelope || !entry.attrs.is_directory() ||
      !open.status->uncertain.empty() || !open.status->audit_only.empty() ||
      snapshot.ChildCount(entry.dir) > kChildrenMax) {
    return std::nullopt;
  }
  Storable storable;
  storable.key = open.view->id();
  storable.key += query.only_path ? "/p" : "/a";
  storable.key += query.keyed_children ? "k" : "l";
  storable.key += query.path;
  storable.version = head;
  for (const std::uint64_t number :
       {open.status->incarnation, std::uint64_t{open.status->reporters.size()},
        std::uint64_t{entry.dir.value}, snapshot.ChildrenChangedIn(entry.dir)}) {
    storable.version += ' ';
    storable.version += std::to_string(number);
  }
  return storable;
}

env::Task<void> AnswerNode(const ViewDoor& door, const OpenView& open, const TreeQuery& query,
                           tree::Snapshot pinned, tree::Entry entry, std::optional<Jobs::Job> job,
                           http::AnswerStore* store, http::ResponseWriter& writer) {
  std::optional<tree::Snapshot> snapshot(std::move(pinned));
  const tree::Revision revision = snapshot->revision();
  const NodeJson json({query.only_path, query.totals, query.keyed_children}, open.status);
  Body body(writer, open.headers, door.options);
  std::string& out = body.text();
  BeginEnvelope(query.envelope, &out);
  const auto [directory, name] = SplitPath(query.path);
  json.AppendOpen(NodeJson::MakeParent(directory.empty() ? "/" : directory), name, entry, *snapshot,
                  &out);
  const bool job_pending = job && job->open();
  if (!query.envelope || job) {
    out += ",\"job_id\":" + (job ? '"' + job->id + '"' : std::string("null"));
    out += job_pending ? ",\"job_pending\":true" : ",\"job_pending\":false";
  }
  if (job) store = nullptr;  // Nobody asks for this answer again.
  std::optional<Storable> storable = StorableAs(open, query, *snapshot, entry, out, store);
  if (storable) {
    if (http::AnswerStore::Body kept = store->Find(storable->key, storable->version)) {
      snapshot.reset();
      (void)co_await writer.SendShared(200, open.headers, std::move(kept));
      co_return;
    }
  }
  if (entry.attrs.is_directory() && query.depth_max != 0u) {
    out += ",\"children\":";
    out += json.open_children();
    if (query.limit) {
      co_await WritePage(door, query, json, *snapshot, entry.dir, out);
    } else {
      if (!query.no_children) {
        const Status written =
            co_await WriteChildren(door, open, query, json, entry.dir, body, snapshot);
        if (!written.ok()) co_return;  // The connection ends without a proper end of the body.
      }
      body.text() += json.close_children();
    }
  }
  body.text() += '}';
  EndEnvelope(query.envelope, door, open, query.path, revision, &body.text(), job_pending);
  snapshot.reset();
  if (storable && body.whole() && store->Takes(body.text().size())) {
    const auto kept = std::make_shared<const std::string>(std::move(body.text()));
    store->Put(std::move(storable->key), std::move(storable->version), kept);
    (void)co_await writer.SendShared(200, open.headers, kept);
    co_return;
  }
  (void)co_await body.Finish();
}

}  // namespace

env::Task<void> AnswerTree(const ViewDoor& door, http::Request& request,
                           http::ResponseWriter& writer) {
  return AnswerTreeAs(door, request, writer, false);
}

env::Task<void> AnswerTreeAs(const ViewDoor& door, http::Request& request,
                             http::ResponseWriter& writer, bool keyed_children) {
  TreeQuery query;
  query.keyed_children = keyed_children;
  const auto read = [&](BadParameter* bad) {
    return ParseTreeQuery(request, door.page_limits(), &query, bad);
  };
  const std::optional<OpenView> open =
      co_await OpenAndRead(door, request, writer, Need::kReady, read);
  if (!open) co_return;
  if (query.dry_run) {
    std::string out;
    JsonWriter json(&out);
    json.BeginObject().Key("message").String("dry-run");
    json.Key("view_id").String(open->view->id()).EndObject();
    (void)co_await writer.Send(200, open->headers, std::move(out));
    co_return;
  }
  std::optional<tree::Snapshot> snapshot = co_await PinFor(*open, writer);
  if (!snapshot) co_return;
  const std::optional<tree::Entry> entry = snapshot->Find(query.path);
  std::optional<Jobs::Job> job;
  if (query.on_demand_scan) {
    Result<Jobs::Job> started = co_await open->view->StartScan(query.path, query.recursive);
    if (started.ok()) job = *std::move(started);
  }
  if (!entry && job) {
    snapshot.reset();
    std::string out;
    JsonWriter json(&out);
    json.BeginObject().Key("job_id").String(job->id).Key("job_pending").Bool(job->open());
    json.Key("message").String("'" + PrintablePath(query.path) +
                               "' is not known yet; agents have been asked to look");
    json.EndObject();
    (void)co_await writer.Send(200, open->headers, std::move(out));
    co_return;
  }
  if (!entry) {
    snapshot.reset();
    (void)co_await http::SendDetail(
        writer, 404,
        "Path '" + PrintablePath(query.path) + "' not found in view '" + open->view->id() + "'");
    co_return;
  }
  if (query.limit && !entry->attrs.is_directory()) query.limit.reset();
  const bool too_large = co_await IsTooLarge(door, query, *snapshot, *entry);
  if (too_large) {
    const tree::Aggregates sums = snapshot->AggregatesOf(entry->dir);
    std::optional<std::uint64_t> count;
    if (!query.depth_max) count = sums.files + sums.directories;
    snapshot.reset();
    (void)co_await http::SendDetail(writer, 400,
                                    TooLarge(query.path, count, door.options.max_response_items));
    co_return;
  }
  co_await AnswerNode(door, *open, query, *std::move(snapshot), *entry, std::move(job),
                      request.store, writer);
}

}  // namespace fustor::fusion
