// view_methods.h: the names under which views are served over gRPC
// (api/proto/fustor/v1/views.proto).
#pragma once

namespace fustor::fusion {

inline constexpr char kStatusMethod[] = "/fustor.v1.Views/Status";
inline constexpr char kStatMethod[] = "/fustor.v1.Views/Stat";
inline constexpr char kDuMethod[] = "/fustor.v1.Views/Du";
inline constexpr char kScanMethod[] = "/fustor.v1.Views/Scan";
inline constexpr char kJobsMethod[] = "/fustor.v1.Views/Jobs";
// Streams of answers.
inline constexpr char kTreeMethod[] = "/fustor.v1.Views/Tree";
inline constexpr char kSearchMethod[] = "/fustor.v1.Views/Search";
inline constexpr char kChangesMethod[] = "/fustor.v1.Views/Changes";

}  // namespace fustor::fusion
