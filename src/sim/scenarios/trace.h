// trace.h: what happens in a run, line by line, for a person who looks for the cause of a failure.
//
// Prints only; a run with a trace is the same run.
#pragma once

#include <memory>
#include <string>

#include "sim/file_system.h"
#include "sim/scenarios/forwarding_link.h"
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
class TracedLink final : public ForwardingLink {
 public:
  TracedLink(std::unique_ptr<agent::FusionLink> link, VirtualLog& log, std::string who)
      : ForwardingLink(std::move(link)), log_(log), who_(std::move(who)) {}

 private:
  std::unique_ptr<agent::ReportStream> Around(std::unique_ptr<agent::ReportStream> stream) override;

  VirtualLog& log_;
  const std::string who_;
};

}  // namespace fustor::sim
