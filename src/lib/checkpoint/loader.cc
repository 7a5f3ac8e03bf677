#include <algorithm>
#include <limits>
#include <utility>

#include "lib/checkpoint/checkpoint.h"
#include "lib/checkpoint/format.h"
#include "lib/tree/chunk.h"

namespace fustor::checkpoint {
namespace {

// What is unpacked until it is published: some ten megabytes at most.
constexpr std::uint64_t kFramesPerRevision = 16;

Status Damaged(const char* what) { return {Code::kDataLoss, what}; }

}  // namespace

// Reads off the front. What is not there is 0 or empty, and noted.
class Loader::Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool done() const { return rest_.empty() || !ok_; }

  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t byte = Byte();
      value |= (byte & 127) << shift;
      if (byte < 128) {
        ok_ = ok_ && (shift < 63 || byte < 2);
        return value;
      }
    }
    ok_ = false;
    return 0;
  }
  std::uint64_t Delta(std::uint64_t* last) { return *last += UnZigZag(Varint()); }
  template <class T>
  T Number() {
    const std::uint64_t value = Varint();
    ok_ = ok_ && value <= std::numeric_limits<T>::max();
    return static_cast<T>(value);
  }
  std::uint8_t Byte() {
    if (rest_.empty()) {
      ok_ = false;
      return 0;
    }
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  std::string_view Text() {
    const std::uint64_t size = Varint();
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return {};
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

struct Loader::Last {
  std::string name;
  std::uint64_t inode = 0, mtime = 0, device = 0, listed = 0;
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::uint16_t reporter = 0;
  std::uint8_t flags = 0;

  // Fills everything but `confirmed_ns` and `dir`; returns when its files were looked at.
  std::uint32_t TakeRow(std::uint64_t mask, Input* in, tree::Entry* entry);
};

std::uint32_t Loader::Last::TakeRow(std::uint64_t mask, Input* in, tree::Entry* entry) {
  const auto shared = static_cast<std::size_t>(std::min<std::uint64_t>(in->Varint(), name.size()));
  name.resize(shared);
  name += in->Text();
  EntryAttrs& a = entry->attrs;
  a.kind = static_cast<EntryKind>(mask >> kKindShift & 3);
  a.inode = in->Delta(&inode);
  const std::uint64_t size = UnZigZag(in->Varint());
  a.size_bytes = FromBits(size);
  const std::uint64_t mtime_now = in->Delta(&mtime);
  a.mtime_ns = FromBits(mtime_now);
  if ((mask & kHasFlags) != 0) flags = in->Byte();
  if ((mask & kHasMode) != 0) mode = in->Number<std::uint32_t>();
  if ((mask & kHasOwner) != 0) {
    uid = in->Number<std::uint32_t>();
    gid = in->Number<std::uint32_t>();
  }
  a.nlink = (mask & kHasNlink) != 0 ? in->Number<std::uint32_t>() : 1;
  if ((mask & kHasDevice) != 0) device = in->Varint();
  if ((mask & kHasReporter) != 0) reporter = in->Number<std::uint16_t>();
  const auto relative = [&](Mask bit, std::uint64_t base) {
    return FromBits(base + ((mask & bit) != 0 ? UnZigZag(in->Varint()) : 0));
  };
  a.ctime_ns = relative(kHasCtime, mtime_now);
  a.atime_ns = relative(kHasAtime, mtime_now);
  a.allocated_bytes = relative(kHasBlocks, tree::ExpectedBlocks(size));
  a.mode = mode;
  a.uid = uid;
  a.gid = gid;
  a.device = device;
  entry->target.assign((mask & kHasTarget) != 0 ? in->Text() : std::string_view());
  entry->flags = static_cast<std::uint8_t>(flags & ~tree::kUncertain);
  entry->reporter = reporter;
  entry->confirmed_ns = 0;
  return static_cast<std::uint32_t>((mask & kHasListed) != 0 ? in->Delta(&listed) : 0);
}

Loader::Loader(Options options, tree::Tree& tree)
    : options_(std::move(options)), tree_(tree), empty_root_(tree.GetRoot()) {}

void Loader::Abandon() {
  failed_ = true;
  complete_ = false;
  levels_.clear();
  tree_.Clear();
  tree_.PutRoot(empty_root_);
  tree_.NoteListed(tree::kRoot, 0);
  tree_.Publish();
}

Status Loader::Apply(const Frame& frame) {
  if (failed_) return {Code::kFailedPrecondition, "it has failed already"};
  Status applied = ApplyHere(frame);
  if (!applied.ok()) Abandon();
  return applied;
}

Status Loader::ApplyHere(const Frame& frame) {
  if (complete_) return Damaged("something follows the end");
  if ((frame.type == kHeaderFrame) == header_.has_value()) return Damaged("not one header");
  Input in(frame.payload);
  switch (frame.type) {
    case kHeaderFrame:
      FUSTOR_TRY(ReadHeader(&in));
      break;
    case kRowsFrame:
      FUSTOR_TRY(ReadRows(&in));
      break;
    case kFooterFrame:
      FUSTOR_TRY(ReadFooter(&in));
      break;
    default:
      return Damaged("an unknown kind of frame");
  }
  if (!in.ok()) return Damaged("a frame that ends in the middle");
  if (!in.done()) return Damaged("a frame with something behind its end");
  if (++frames_ % kFramesPerRevision == 0 || complete_) tree_.Publish();
  return {};
}

Status Loader::CheckHeader() const {
  if (options_.view_id && header_->view_id != *options_.view_id) {
    return {Code::kFailedPrecondition, "it is of view '" + header_->view_id + "'"};
  }
  if (options_.source && header_->source != *options_.source) {
    return {Code::kFailedPrecondition, "it is of '" + header_->source + "'"};
  }
  if (options_.entries_max != 0 && header_->entries > options_.entries_max) {
    return {Code::kResourceExhausted, "it holds " + std::to_string(header_->entries) +
                                          " entries, and only " +
                                          std::to_string(options_.entries_max) + " may be"};
  }
  return {};
}

Status Loader::ReadHeader(Input* in) {
  Header& header = header_.emplace();
  header.view_id = in->Text();
  header.source = in->Text();
  header.revision = in->Varint();
  header.written_at.ns = FromBits(UnZigZag(in->Varint()));
  header.fresh_until.ns = FromBits(UnZigZag(in->Varint()));
  header.entries = in->Varint();
  const std::uint64_t reporters = in->Varint();
  if (reporters > UINT16_MAX) return Damaged("too many reporters");
  for (std::uint64_t i = 0; i < reporters && in->ok(); ++i) {
    Header::Reporter& reporter = header.reporters.emplace_back();
    reporter.agent_id = in->Text();
    reporter.source_uri = in->Text();
  }
  Last last;
  const std::uint64_t mask = in->Varint();
  const std::uint32_t listed_s = last.TakeRow(mask, in, &entry_);
  const bool root = last.name.empty() && entry_.attrs.is_directory() && (mask & kIsRow) != 0;
  if (!in->ok() || !root || mask >= kMaskEnd) return Damaged("a header that makes no sense");
  // What follows counts its revisions behind it.
  if (header.revision > UINT64_MAX / 4) return Damaged("a revision that cannot be");
  FUSTOR_TRY(CheckHeader());
  tree_.SkipTo(std::max(header.revision, options_.revision_min));
  tree_.PutRoot(entry_);
  tree_.NoteListed(tree::kRoot, listed_s);
  levels_.push_back({tree::kRoot, "", "", false});
  entries_ = 1;
  return {};
}

Status Loader::ReadDirectory(Input* in) {
  const std::uint64_t depth = in->Varint();
  const std::string_view name = in->Text();
  if (!in->ok() || depth == 0 || depth > levels_.size() || depth > kDepthMax) {
    return Damaged("a directory out of place");
  }
  levels_.resize(depth);
  Level& parent = levels_.back();
  const bool found = tree_.Get(parent.dir, name, &entry_) && entry_.attrs.is_directory();
  if (!found || name <= parent.last_entered) return Damaged("a directory that is not there");
  parent.last_entered.assign(name);
  parent.closed = true;
  levels_.push_back({entry_.dir, "", "", false});
  return {};
}

Status Loader::ReadRow(std::uint64_t mask, Last* last, Input* in) {
  const std::uint32_t listed_s = last->TakeRow(mask, in, &entry_);
  Level& level = levels_.back();
  if (!in->ok() || mask >= kMaskEnd || !IsEntryName(last->name)) return Damaged("a damaged entry");
  if (level.closed || last->name <= level.last_name) return Damaged("an entry out of place");
  if (entry_.reporter != 0 && entry_.reporter >= header_->reporters.size()) {
    return Damaged("an entry of an unknown reporter");
  }
  if (++entries_ > header_->entries) return Damaged("more entries than there should be");
  level.last_name = last->name;
  const tree::DirId dir = tree_.Put(level.dir, last->name, entry_);
  if (dir != tree::DirId{} && listed_s != 0) tree_.NoteListed(dir, listed_s);
  if ((entry_.flags & tree::kSuspect) != 0 && options_.on_suspect) {
    options_.on_suspect(tree_.PathOf(level.dir), last->name, entry_.attrs.mtime_ns);
  }
  return {};
}

Status Loader::ReadRows(Input* in) {
  Last last;
  while (!in->done()) {
    const std::uint64_t mask = in->Varint();
    if (mask == 0) {
      FUSTOR_TRY(ReadDirectory(in));
    } else if ((mask & kIsRow) == 0) {
      return Damaged("an entry of an unknown kind");
    } else {
      FUSTOR_TRY(ReadRow(mask, &last, in));
    }
  }
  return {};
}

Status Loader::ReadFooter(Input* in) {
  const std::uint64_t entries = in->Varint();
  if (entries != entries_ || entries != header_->entries) return Damaged("entries are missing");
  complete_ = true;
  return {};
}

}  // namespace fustor::checkpoint
