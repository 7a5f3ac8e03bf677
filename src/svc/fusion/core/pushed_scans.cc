#include "svc/fusion/core/pushed_scans.h"

#include <utility>

namespace fustor::fusion {

using batch::Batch;
using batch::ScanMark;
using batch::Source;

std::vector<Batch> PushedScans::Take(std::vector<Batch> batches, std::optional<Source> ends) {
  std::vector<Batch> out;
  out.reserve(batches.size() + 2);
  for (Batch& batch : batches) {
    if (batch.source != Source::kRealtime) {
      Scan& scan = Of(batch.source);
      if (scan.id == 0) {
        scan.id = ++last_scan_id_;
        if (batch.source != Source::kJob) {
          batch.mark = ScanMark::kBegin;
          batch.scan_path = "/";
        }
      }
      batch.scan_id = scan.id;
    }
    batch.sequence = ++last_sequence_;
    out.push_back(std::move(batch));
  }
  if (ends && *ends != Source::kRealtime) End(*ends, &out);
  return out;
}

std::vector<Batch> PushedScans::Begin(Source source) {
  if (Of(source).id != 0) return {};
  Of(source).id = ++last_scan_id_;
  std::vector<Batch> out;
  out.push_back(Mark(source, ScanMark::kBegin));
  return out;
}

Batch PushedScans::Mark(Source source, ScanMark mark) {
  Batch batch;
  batch.sequence = ++last_sequence_;
  batch.source = source;
  batch.loose = true;
  batch.scan_id = Of(source).id;
  batch.mark = mark;
  if (mark == ScanMark::kBegin) batch.scan_path = "/";
  return batch;
}

void PushedScans::End(Source source, std::vector<Batch>* out) {
  Scan& scan = Of(source);
  if (scan.id == 0) {
    if (source != Source::kSnapshot || scan.ended_once) return;
    for (Batch& begin : Begin(source)) out->push_back(std::move(begin));
  }
  out->push_back(Mark(source, ScanMark::kEnd));
  scan.id = 0;
  scan.ended_once = true;
}

}  // namespace fustor::fusion
