// forwarding_link.h: a way to Fusion that passes everything on, for what looks at some of it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "svc/agent/ports.h"

namespace fustor::sim {

class ForwardingLink : public agent::FusionLink {
 public:
  explicit ForwardingLink(std::unique_ptr<agent::FusionLink> link) : link_(std::move(link)) {}
  env::Task<Result<batch::SessionGrant>> Open(batch::SessionRequest request) override {
    return link_->Open(std::move(request));
  }
  env::Task<Result<batch::HeartbeatAnswer>> Beat(batch::Heartbeat beat) override {
    return link_->Beat(std::move(beat));
  }
  env::Task<Status> Close(std::string session_id) override {
    return link_->Close(std::move(session_id));
  }
  env::Task<Status> TellConfig(std::string session_id, batch::ConfigReport report) override {
    return link_->TellConfig(std::move(session_id), std::move(report));
  }
  env::Task<Result<std::unique_ptr<agent::ReportStream>>> Report(std::string session_id) override {
    Result<std::unique_ptr<agent::ReportStream>> opened =
        co_await link_->Report(std::move(session_id));
    if (!opened.ok()) co_return opened.status();
    co_return Around(std::move(opened).value());
  }
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

 protected:
  agent::FusionLink& link() { return *link_; }

 private:
  // Puts something around a stream.
  virtual std::unique_ptr<agent::ReportStream> Around(
      std::unique_ptr<agent::ReportStream> stream) = 0;

  const std::unique_ptr<agent::FusionLink> link_;
};

}  // namespace fustor::sim
