// pipe_door.h: what the handlers of pipe_routes.h share. Private to svc/fusion/wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "env/task.h"
#include "lib/http/http.h"
#include "svc/fusion/wire/pipe_routes.h"
#include "svc/fusion/wire/pushed_events.h"

namespace fustor::fusion {

// Rows of one request; a small body says something about a session or a few files.
inline constexpr std::size_t kRowsBodyBytesMax = std::size_t{32} << 20;
inline constexpr int kObsoleteStatus = 419;  // Of a session that is over.
inline constexpr std::size_t kSmallBodyBytesMax = std::size_t{1} << 20;

// Constant while the router serves.
struct PipeDoor {
  std::string receiver;
  PipePorts ports;
  Counter& rows;
  Counter& bytes;
  Counter& skipped_rows;
  Counter& bad_bodies;

  SessionHost::Caller CallerOf(const http::Request& request) const;
};

// An answer that is made on another executor than the connection's.
struct Reply {
  int status = 200;
  std::string json;
  int retry_after_s = 0;
};
Reply DetailReply(int status, std::string_view text);
// 419 for kNotFound, 401, 409, 422, 429 and 503 with Retry-After, else as http::HttpStatus.
Reply FailureReply(const Status& failure);
Reply BadFieldReply(const BadField& bad);

env::Task<void> SendReply(http::ResponseWriter& writer, Reply reply);

// The body on a tape, which may be empty when the body is. Parsed here. False: *bad says why.
bool ParseSmallBody(json::TapeParser& parser, std::string_view body, json::Tape* tape,
                    BadField* bad);
// Reads the whole body; nullopt after having answered.
env::Task<std::optional<std::string>> ReadBody(http::Request& request,
                                               http::ResponseWriter& writer);

// The member, or nullopt when the root is no object or lacks it (or it is null).
std::optional<json::Tape::Node> MemberOf(const json::Tape& tape, std::string_view key);
std::optional<json::Tape::Node> MemberOf(json::Tape::Node node, std::string_view key);

// {"updates":[{"path","mtime" or "current_mtime","size"?,"status"?}]}: those that make sense.
// False: *bad says why.
bool ReadSightings(const json::Tape& tape, std::vector<Arbiter::Sighting>* sightings,
                   BadField* bad);

// Handlers. Request, writer and door outlive the task.
env::Task<void> OpenSession(const PipeDoor& door, http::Request& request,
                            http::ResponseWriter& writer);
env::Task<void> DiscoverView(const PipeDoor& door, http::Request& request,
                             http::ResponseWriter& writer);
env::Task<void> BeatSession(const PipeDoor& door, http::Request& request,
                            http::ResponseWriter& writer);
env::Task<void> EndSession(const PipeDoor& door, http::Request& request,
                           http::ResponseWriter& writer);
env::Task<void> PushEvents(const PipeDoor& door, http::Request& request,
                           http::ResponseWriter& writer);
env::Task<void> PushOldEvents(const PipeDoor& door, http::Request& request,
                              http::ResponseWriter& writer);
env::Task<void> StartAudit(const PipeDoor& door, http::Request& request,
                           http::ResponseWriter& writer);
env::Task<void> EndAudit(const PipeDoor& door, http::Request& request,
                         http::ResponseWriter& writer);
env::Task<void> AnswerSweepTasks(const PipeDoor& door, http::Request& request,
                                 http::ResponseWriter& writer);
env::Task<void> TakeSweep(const PipeDoor& door, http::Request& request,
                          http::ResponseWriter& writer);
env::Task<void> UpdateSuspects(const PipeDoor& door, http::Request& request,
                               http::ResponseWriter& writer);
env::Task<void> AnswerPipes(const PipeDoor& door, http::Request& request,
                            http::ResponseWriter& writer);
env::Task<void> AnswerPipe(const PipeDoor& door, http::Request& request,
                           http::ResponseWriter& writer);
env::Task<void> AnswerPipeStats(const PipeDoor& door, http::Request& request,
                                http::ResponseWriter& writer);

}  // namespace fustor::fusion
