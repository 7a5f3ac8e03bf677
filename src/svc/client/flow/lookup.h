// lookup.h: asks one Fusion about paths of this machine.
//
// Blocking; one thread. Holds one page of an answer at a time. Every failure is a sentence that is
// fit for a terminal and names the next step where there is one:
//   kUnavailable, kDeadlineExceeded  nobody answers, or the view is not ready
//   kNotFound                        no view shows the path, or there is no such entry
//   kUnauthenticated, kPermissionDenied, kFailedPrecondition, kInvalidArgument, kInternal
// With CommonOptions::wait the first kind is not returned: the call waits and says for what.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "svc/client/core/options.h"
#include "svc/client/core/places.h"
#include "svc/client/flow/connection.h"
#include "svc/client/flow/output.h"
#include "svc/client/ports.h"
#include "svc/client/wire/answers.h"

namespace fustor::client {

// For an answer that cannot be understood: of a Fusion of another age, or of something else
// altogether. `status` says what is wrong with it.
Status NotOfFusion(const Status& status);

// Which entries of a view to show.
struct Question {
  std::string view;
  std::string under = "/";  // Its own entry comes too, unless it is "/".
  Narrowing narrowing;
  bool directories = true;  // False, without a type in narrowing: everything but directories.
  std::optional<std::uint64_t> depth_max;
  bool totals = false;
  bool names_only = false;
  ChoiceParameters parameters = {};  // Stronger than all of the above.
};

class Lookup {
 public:
  // All three must outlive it.
  Lookup(const CommonOptions& options, const Ports& ports, Output& out)
      : options_(options), ports_(ports), out_(out) {}

  // The answer to GET `path`.
  Result<json::Value> Ask(const std::string& path, const Fusion::Query& query);

  // A long answer to GET `path`, piece by piece until `on_piece` returns false (kCancelled). Errors
  // beside those above: kDataLoss (it broke off).
  Status Download(const std::string& path, const Fusion::Query& query,
                  const std::function<bool(std::string_view)>& on_piece);

  // The answer to POST `path`. Does not wait for what is not ready.
  Result<json::Value> Post(const std::string& path, const Fusion::Query& query);

  // What /health says, in whatever state; null when this Fusion does not tell.
  json::Value AskHealth();

  // The views that the key opens. Asked for once.
  Result<const std::vector<ViewState>*> Views();

  enum class Links {
    kKeep,    // A link at the end of the path is meant itself.
    kFollow,  // What it points to is meant.
  };
  // Where the views show the path that a user typed. A slash at its end follows links, too.
  Result<Place> Locate(const std::string& typed, Links links);
  // Where something of a view is that no user typed.
  Place PlaceOf(const ViewState& view, const Node& node) const;

  // The entry at `place`; `*document`, when asked for, is what Fusion answered.
  Result<Node> Get(const Place& place, bool totals, json::Value* document = nullptr);

  // Pages in the order of names (children) or paths (matches), until `visit` returns false.
  using VisitPage = std::function<bool(const Page&)>;
  Status ForEachPageOfChildren(const Place& place, const VisitPage& visit);
  using Visit = std::function<bool(const Page::Item&)>;
  // `narrow`, when given, may make the question narrower before each further page.
  using Narrow = std::function<void(Question*)>;
  Status ForEachMatch(Question question, const Visit& visit, const Narrow& narrow = {});

  // Reads streams of events (ports.h). Where no connection is found, each is told so.
  void Follow(const std::vector<EventFollower*>& followers);
  // What an answer of Fusion means.
  Status StatusOf(const Fusion::Reply& reply) const;

  // Why a view is not ready and how far it is.
  Status NotReady(const ViewState& view) const;
  // Says what is waited for, when that is new or some time has gone by, and pauses.
  void WaitFor(const Status& status);
  bool waits() const { return options_.wait; }
  // Where the answers come from; empty before the first one.
  const std::string& url() const { return connection_.url; }

 private:
  Result<Fusion::Reply> AskOnce(const std::string& path, const Fusion::Query& query,
                                bool post = false);
  Status NobodyAnswers(const Status& status);
  Status Connect();
  using MakeQuery = std::function<Fusion::Query()>;
  Status ForEachPage(const std::string& path, const MakeQuery& query, const VisitPage& visit);
  void NoteFreshness(const std::string& freshness);
  std::string StartOne() const;
  std::vector<std::string> Spellings(const std::string& typed, Links links) const;
  Status NoView(const std::vector<ViewState>& views) const;

  const CommonOptions& options_;
  const Ports& ports_;
  Output& out_;
  Connection connection_;
  std::unique_ptr<Fusion> fusion_;
  std::optional<std::vector<ViewState>> views_;
  std::string subject_;  // Absolute path that is being asked about.
  std::string said_;     // What is waited for.
  int pauses_ = 0;       // Since it was said.
  bool said_stale_ = false;
};

}  // namespace fustor::client
