// Telling the observer. See edit.h.
#include "lib/tree/writer.h"

namespace fustor::tree {

void Writer::Observe(EditObserver* observer) {
  observer_ = observer;
  told_dir_ = DirId{};
}

// `*path` is the path of the entry. Paths of directories change only where ForgetPaths is called.
void Writer::WritePath(DirId dir, std::string_view name, std::string* path) {
  if (dir == kAboveRoot) {
    *path = "/";
    return;
  }
  if (told_dir_ != dir) {
    told_path_ = dir == last_dir_ ? last_path_ : PathOf(dir);
    if (told_path_ == "/") told_path_.clear();
    told_dir_ = dir;
  }
  *path = told_path_;
  *path += '/';
  *path += name;
}

void Writer::Tell(Edit::Kind kind, DirId dir, std::string_view name, const RowValues& values,
                  std::string_view target) {
  WritePath(dir, name, &edit_path_);
  Edit edit;
  edit.kind = kind;
  edit.path = edit_path_;
  edit.attrs = &values.attrs;
  edit.target = target;
  edit.flags = values.flags;
  edit.reporter = values.reporter;
  observer_->OnEdit(edit);
}

void Writer::TellUpdate(DirId dir, std::string_view name, const FoundRow& before,
                        const RowValues& after, std::string_view target) {
  WritePath(dir, name, &edit_path_);
  Edit edit;
  edit.kind = Edit::Kind::kUpdated;
  edit.path = edit_path_;
  edit.attrs = &after.attrs;
  edit.target = target;
  edit.flags = after.flags;
  edit.reporter = after.reporter;
  edit.attrs_before = &before.values.attrs;
  edit.flags_before = before.values.flags;
  edit.target_changed = before.target != target;
  observer_->OnEdit(edit);
}

void Writer::TellMove(DirId from, std::string_view name, DirId to, std::string_view to_name,
                      const RowValues& values, std::string_view target) {
  WritePath(from, name, &edit_old_path_);
  WritePath(to, to_name, &edit_path_);
  Edit edit;
  edit.kind = Edit::Kind::kMoved;
  edit.path = edit_path_;
  edit.old_path = edit_old_path_;
  edit.attrs = &values.attrs;
  edit.target = target;
  edit.flags = values.flags;
  edit.reporter = values.reporter;
  observer_->OnEdit(edit);
}

}  // namespace fustor::tree
