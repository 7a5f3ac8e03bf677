// views.h: the doors through which people and programs ask a view: HTTP as in
// docs/http-api.md.
//
// The key (`X-API-Key`, or `Authorization: Bearer`) is looked at first: 401 without or with an
// unknown one, 403 when it does not open this view, 404 for an unknown view only after that. A view
// that is not ready answers 503 with Retry-After; one that may be stale answers with the header
// X-Fustor-Freshness.
//
// One revision or several: an answer is read from one revision of the tree while it is at most
// Options.one_revision_bytes long, and so is every page (limit, cursor), stats and meta. A longer
// answer is sent piece by piece, and the revision is let go before each wait for the client, so
// that a slow reader does not keep old memory alive: what follows is then read from the revision of
// that moment, right behind the last entry sent. Such an answer is in order, never names an entry
// twice and misses none that was there all the time; a directory that vanishes meanwhile ends
// early. Only exports and comparisons are of one revision whatever their length; how that is
// bounded, the options say.
//
// No handler holds its executor for more than a few milliseconds at a time. Handlers are
// thread-safe and share nothing but the views.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "env/clock.h"
#include "lib/batch/compressor.h"
#include "lib/http/http.h"
#include "svc/fusion/flow/view.h"

namespace fustor::fusion {

struct ViewRoutesOptions {
  // What one answer without limit may hold. More is refused with 400 before anything is sent, in
  // words that say what to do instead.
  std::uint64_t max_response_items = 1'000'000;
  std::uint64_t page_items_default = 1000;  // When there is a cursor but no limit.
  std::uint64_t page_items_max = 10'000;    // A larger limit is cut down to it.
  // A search page that has looked at so many entries ends early, with `next` and what it found.
  std::uint64_t page_rows_max = 20'000'000;
  std::size_t one_revision_bytes = 1 << 20;
  std::size_t piece_bytes = 256 << 10;  // What is sent at a time beyond that.
  Nanos feed_heartbeat = Seconds(15);   // After so long without an event a comment is sent.
  Nanos slice = Micros(2000);           // Aim for the work between two turns of the executor.
  // Exports and comparisons hold one revision to their end, however slowly they are read. So there
  // are only so many at once (429), and one that takes too long or keeps too much old memory alive
  // ends without the proper end of its body.
  std::uint32_t long_answers_max = 4;
  // Comparisons with checkpoints at once: each has one of them in memory, with `to` two.
  std::uint32_t past_diffs_max = 1;
  Nanos long_answer_max = Seconds(3600);
  std::uint64_t retired_bytes_max = std::uint64_t{1} << 30;
  // For exports as Parquet; called on any thread. None: they are not compressed.
  std::function<std::unique_ptr<batch::Compressor>()> make_compressor = nullptr;
};

// Adds /api/v1/views and all below it, and what the oldest clients ask: /views/fs/tree and
// /views/fs/stats. `views` and `clock` must outlive the router; `clock` is the
// one that the views' instants are of.
void AddViewRoutes(http::Router& router, ViewSet& views, ViewRoutesOptions options,
                   const env::Clock& clock);

}  // namespace fustor::fusion
