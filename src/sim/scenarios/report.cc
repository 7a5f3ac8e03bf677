#include "sim/scenarios/report.h"

namespace fustor::sim {

ConvergeReport ReportOf(const RunSoFar& run) {
  ConvergeReport report;
  report.ok = run.differences.empty();
  report.setting = run.setting;
  report.failed_when = run.failed_when;
  report.differences = run.differences.first;
  report.difference_count = run.differences.count;
  report.hash = run.world.hash();
  report.steps = run.world.steps();
  report.calls = run.calls;
  report.faults = run.faults;
  report.virtual_time = run.world.now() - run.start;
  if (run.fusion.running()) report.rows = run.fusion.view()->status()->rows_applied;
  return report;
}

}  // namespace fustor::sim
