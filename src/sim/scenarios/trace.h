// trace.h: what happens in a run, line by line, for a person who looks for the cause of a failure.
//
// Prints only; a run with a trace is the same run.
#pragma once

#include <memory>
#include <string>

#include "sim/file_system.h"
#include "sim/scenarios/ports.h"
#include "svc/agent/ports.h"

namespace fustor::sim {

// Prints what happens to the file system.
class TracedFileSystem final : public FsListener {
 public:
  TracedFileSystem(FileSystem& fs, VirtualLog& log) : fs_(fs), log_(log) { fs_.Listen(*this); }
  ~TracedFileSystem() override { fs_.Unlisten(*this); }
  void OnRecord(const Record& record) override;

 private:
  std::string Place(NodeId dir, const std::string& name) const;
  FileSystem& fs_;
  VirtualLog& log_;
};

// Prints what an agent says to Fusion.
class TracedLink final : public agent::FusionLink {
 public:
  TracedLink(std::unique_ptr<agent::FusionLink> link, VirtualLog& log, std::string who)
      : link_(std::move(link)), log_(log), who_(std::move(who)) {}
  env::Task<Result<batch::SessionGrant>> Open(batch::SessionRequest request) override {
    return link_->Open(std::move(request));
  }
  env::Task<Result<batch::HeartbeatAnswer>> Beat(batch::Heartbeat beat) override {
    return link_->Beat(std::move(beat));
  }
  env::Task<Status> Close(std::string session_id) override {
    return link_->Close(std::move(session_id));
  }
  env::Task<Result<std::unique_ptr<agent::ReportStream>>> Report(std::string session_id) override;
  env::Task<Result<std::vector<std::string>>> ListSuspects(std::string session_id,
                                                           std::stop_token stop) override {
    return link_->ListSuspects(std::move(session_id), std::move(stop));
  }
  env::Task<Result<std::vector<std::string>>> Sweep(std::string session_id,
                                                    std::vector<batch::Sighting> sightings,
                                                    bool again, std::stop_token stop) override {
    return link_->Sweep(std::move(session_id), std::move(sightings), again, std::move(stop));
  }
  void CancelCalls() override { link_->CancelCalls(); }
  void CancelReport() override { link_->CancelReport(); }

 private:
  const std::unique_ptr<agent::FusionLink> link_;
  VirtualLog& log_;
  const std::string who_;
};

}  // namespace fustor::sim
