// `fustor status`, `views` and `sessions`.
#include <algorithm>

#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

struct Picture {
  json::Value health;  // null: this Fusion does not tell.
  json::Value views_json;
  std::vector<ViewState> views;
  std::vector<std::pair<std::string, json::Value>> sessions_json;  // By view.
  std::vector<std::pair<std::string, SessionState>> sessions;
};

Result<Picture> Ask(Job& job) {
  Picture picture;
  FUSTOR_TRY_ASSIGN(picture.views_json, job.lookup.Ask("/api/v1/views/", {}));
  Result<std::vector<ViewState>> views = DecodeViews(picture.views_json);
  if (!views.ok()) return NotOfFusion(views.status());
  picture.views = *std::move(views);
  for (const ViewState& view : picture.views) {
    FUSTOR_TRY_ASSIGN(json::Value document,
                      job.lookup.Ask("/api/v1/views/" + view.id + "/sessions", {}));
    const Result<std::vector<SessionState>> sessions = DecodeSessions(document);
    if (!sessions.ok()) return NotOfFusion(sessions.status());
    for (const SessionState& session : *sessions) picture.sessions.emplace_back(view.id, session);
    picture.sessions_json.emplace_back(view.id, std::move(document));
  }
  picture.health = job.lookup.AskHealth();
  return picture;
}

std::string JsonOf(const Job& job, const Picture& picture) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("url").String(job.lookup.url()).Key("health");
  picture.health.Write(&json);
  json.Key("views");
  const json::Value* views = picture.views_json.Find("views");
  (views == nullptr ? json::Value() : *views).Write(&json);
  json.Key("sessions").BeginObject();
  for (const auto& [view, document] : picture.sessions_json) {
    const json::Value* sessions = document.Find("active_sessions");
    json.Key(view);
    (sessions == nullptr ? json::Value() : *sessions).Write(&json);
  }
  json.EndObject().EndObject();
  return out + "\n";
}

std::string StateOf(const ViewState& view) {
  return view.ready ? "ready" : view.freshness == "stale" ? "stale" : "not ready";
}

std::string RootsText(const Output& out, const ViewState& view) {
  std::string roots;
  for (const std::string& uri : view.source_uris) {
    roots += (roots.empty() ? "" : " ") + out.Shown(DirectoryOfSource(uri).value_or(uri));
  }
  return roots;
}

std::string ViewTable(const Output& out, const Picture& picture) {
  Table table(
      {{"VIEW"}, {"STATE"}, {"FILES", true}, {"DIRECTORIES", true}, {"SIZE", true}, {"WATCHES"}});
  for (const ViewState& view : picture.views) {
    table.Add({HarmlessText(view.id), StateOf(view), Grouped(view.files), Grouped(view.directories),
               HumanSize(view.bytes), RootsText(out, view)});
  }
  return table.empty() ? "There is no view that this key opens.\n" : table.Text();
}

// What a user should know about a view beside its size.
std::string Remarks(const ViewState& view) {
  std::string text;
  const auto add = [&](std::uint64_t n, const std::string& one, const std::string& many) {
    if (n == 0) return;
    text += "  " + HarmlessText(view.id) + ": " + Grouped(n) + " " + (n == 1 ? one : many) + "\n";
  };
  if (!view.alarm.empty()) {
    text += "  " + HarmlessText(view.id) + ": ALARM: " + HarmlessText(view.alarm) + "\n";
  }
  add(view.uncertain_count, "subtree is uncertain: changes were lost, the next scan will tell",
      "subtrees are uncertain: changes were lost, the next scan will tell");
  add(view.audit_only_count, "subtree is not watched: changes show after the next audit",
      "subtrees are not watched: changes show after the next audit");
  add(view.suspects, "file is still changing", "files are still changing");
  add(view.refused, "entry was refused: the view has reached its limit max_tree_items",
      "entries were refused: the view has reached its limit max_tree_items");
  if (view.has_blind_spot) {
    text +=
        "  " + HarmlessText(view.id) + ": the last audit found changes that no agent had seen\n";
  }
  if (view.is_auditing) text += "  " + HarmlessText(view.id) + ": an audit is running\n";
  return text;
}

std::string SessionTable(const Job& job, const Picture& picture) {
  Table table({{"AGENT"}, {"VIEW"}, {"ROLE"}, {"CHANGES"}, {"LAST SEEN"}, {"FROM"}});
  const WallTime now = job.ports.host.Now();
  for (const auto& [view, session] : picture.sessions) {
    table.Add({HarmlessText(session.agent_id.empty() ? session.task_id : session.agent_id),
               HarmlessText(view), HarmlessText(session.role),
               session.can_realtime ? "live" : "not live", AgeText(now - session.last_activity),
               HarmlessText(session.client_ip)});
  }
  return table.empty() ? "" : "\n" + table.Text();
}

// The parts of the process that are not well.
std::string HealthLines(const json::Value& health) {
  std::string text;
  const json::Value* components = health.Find("components");
  if (components == nullptr) return text;
  for (const auto& [name, component] : components->members()) {
    const std::string status(component.GetStringOr("status", "").value_or(""));
    if (status == "ok" || status.empty()) continue;
    const std::string reason(component.GetStringOr("reason", "").value_or(""));
    text += "  " + HarmlessText(name + " " + status + (reason.empty() ? "" : ": " + reason)) + "\n";
  }
  return text;
}

std::string TextOf(const Job& job, const Picture& picture) {
  std::string text = "Fusion at " + HarmlessText(job.lookup.url());
  const std::string version(picture.health.GetStringOr("version", "").value_or(""));
  const std::string status(picture.health.GetStringOr("status", "").value_or(""));
  if (!version.empty()) text += ", version " + HarmlessText(version);
  if (!status.empty()) text += ": " + HarmlessText(status);
  text += "\n" + HealthLines(picture.health) + "\n" + ViewTable(job.out, picture);
  for (const ViewState& view : picture.views) text += Remarks(view);
  return text + SessionTable(job, picture);
}

}  // namespace

void ShowStatus(Job& job) {
  for (;;) {
    const Result<Picture> picture = Ask(job);
    if (!picture.ok()) return job.Fail(picture.status());
    const auto unready = std::find_if(picture->views.begin(), picture->views.end(),
                                      [](const ViewState& view) { return !view.ready; });
    if (unready != picture->views.end() && job.lookup.waits()) {
      job.lookup.WaitFor(job.lookup.NotReady(*unready));
      continue;
    }
    job.out.Add(job.common.json ? JsonOf(job, *picture) : TextOf(job, *picture));
    for (const ViewState& view : picture->views) {
      if (!view.ready) job.Fail(job.lookup.NotReady(view));
    }
    return;
  }
}

void ShowViews(Job& job) {
  const Result<json::Value> document = job.lookup.Ask("/api/v1/views/", {});
  if (!document.ok()) return job.Fail(document.status());
  const Result<std::vector<ViewState>> views = DecodeViews(*document);
  if (!views.ok()) return job.Fail(NotOfFusion(views.status()));
  if (job.common.json) {
    for (const json::Value& view : document->Find("views")->items()) {
      job.out.Add(view.ToJson() + "\n");
    }
    return;
  }
  Table table({{"VIEW"},
               {"STATE"},
               {"FILES", true},
               {"DIRECTORIES", true},
               {"SIZE", true},
               {"MEMORY", true},
               {"EVIDENCE"},
               {"WATCHES"}});
  for (const ViewState& view : *views) {
    table.Add({HarmlessText(view.id), StateOf(view), Grouped(view.files), Grouped(view.directories),
               HumanSize(view.bytes), HumanSize(view.memory_bytes),
               view.evidence_age ? AgeText(*view.evidence_age) : "none", RootsText(job.out, view)});
  }
  job.out.Add(table.empty() ? "There is no view that this key opens.\n" : table.Text());
  for (const ViewState& view : *views) {
    if (!view.ready) job.out.Add("  " + job.lookup.NotReady(view).message() + "\n");
    job.out.Add(Remarks(view));
  }
}

namespace {

// The document and the sessions in it.
Result<std::vector<SessionState>> AskSessions(Job& job, const std::string& view,
                                              json::Value* document) {
  FUSTOR_TRY_ASSIGN(*document, job.lookup.Ask("/api/v1/views/" + view + "/sessions", {}));
  Result<std::vector<SessionState>> sessions = DecodeSessions(*document);
  if (!sessions.ok()) return NotOfFusion(sessions.status());
  return sessions;
}

std::string SessionJson(const std::string& view, const json::Value& session) {
  std::string line;
  JsonWriter json(&line);
  json.BeginObject().Key("view").String(view);
  for (const auto& [key, value] : session.members()) {
    json.Key(key);
    value.Write(&json);
  }
  json.EndObject();
  return line + "\n";
}

}  // namespace

void ShowSessions(Job& job, const SessionsOptions& options) {
  std::vector<std::string> names = options.views;
  if (names.empty()) {
    const Result<const std::vector<ViewState>*> views = job.lookup.Views();
    if (!views.ok()) return job.Fail(views.status());
    for (const ViewState& view : **views) names.push_back(view.id);
  }
  Table table(
      {{"AGENT"}, {"VIEW"}, {"ROLE"}, {"CHANGES"}, {"SINCE"}, {"LAST SEEN"}, {"FROM"}, {"SOURCE"}});
  const Host& host = job.ports.host;
  bool failed = false;
  for (const std::string& name : names) {
    json::Value document;
    const Result<std::vector<SessionState>> sessions = AskSessions(job, name, &document);
    if (!sessions.ok()) {
      job.Fail(sessions.status());
      failed = true;
      continue;
    }
    if (job.common.json) {
      for (const json::Value& session : document.Find("active_sessions")->items()) {
        job.out.Add(SessionJson(name, session));
      }
      continue;
    }
    for (const SessionState& session : *sessions) {
      table.Add({HarmlessText(session.agent_id.empty() ? session.task_id : session.agent_id),
                 HarmlessText(name), HarmlessText(session.role),
                 session.can_realtime ? "live" : "not live", TimeText(host, session.created_at.ns),
                 AgeText(host.Now() - session.last_activity), HarmlessText(session.client_ip),
                 job.out.Shown(session.source_uri)});
    }
  }
  if (job.common.json) return;
  if (!table.empty()) return job.out.Add(table.Text());
  if (!failed) job.out.Add("No agent reports.\n");
}

}  // namespace fustor::client
