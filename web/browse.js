// browse.js: the files of a view: the directory shown as a treemap and as a tree, and what is
// found.

import {badges, bar, nameOf as nameCell} from './cells.js';
import {showDetails} from './details.js';
import {allocatedOf, describe, Directory, filesOf, isDirectory, modifiedOf, READ_BY_ITSELF, sizeOf, sorted,} from './directory.js';
import {byId, el, icon, ICONS, setText} from './dom.js';
import {age, bytes, count, plural, time} from './format.js';
import {Grid} from './grid.js';
import {MapPanel} from './map.js';
import {childTowards, isWithin, join, nameOf, parentOf, printable, toFragment} from './names.js';
import {Search} from './search.js';
import {FLAGS, flagsOf} from './trust.js';

const ROW_HEIGHT = 34;
const DIRECTORIES_MAX = 160;  // Kept; who is not shown goes first.
const SUMS_AT_ONCE = 24;      // Asked for after changes; more, and all is read again.
const FLUSH_EVERY_MS = 1000;
const REST = 4;  // Reading again may take one part in so many of the time.
const COLUMNS = [
  ['name', 'Name'],
  ['size', 'Size'],
  ['allocated', 'Allocated'],
  ['files', 'Files'],
  ['age', 'Modified'],
];

const nowS = () => Date.now() / 1000;

export class Browse {
  // app: {api, view (its id), status (its state), navigate(path), problem(error, retry), settled()}
  constructor(app) {
    this.app = app;
    this.dirs = new Map();
    this.expanded = new Set();
    this.dirty = new Set();
    this.order = {by: 'size', up: false};
    this.top = null;
    this.selected = null;
    this.search = new Search(this);
    this.grid = new Grid(byId('grid'), {
      rowHeight: ROW_HEIGHT,
      draw: (row) => this.drawRow(row),
      on: {
        open: (row) => this.openRow(row),
        expand: (row) => this.expand(row),
        collapse: (row) => this.collapse(row),
        up: () => this.up(),
        select: (row) => this.select(row),
        reach: (row) => this.reach(row),
        escape: () => this.search.leave(),
      },
    });
    this.map = new MapPanel(this);
    this.drawHead();
    byId('flags-legend')
        .append(...Object.entries(FLAGS).flatMap(
            ([
              key, {label, why}
            ]) => [el('dt', {}, el('span', {class: `badge ${key}`}, label)), el('dd', {}, why)]));
  }

  // --- which directory ---------------------------------------------------------------------------

  async show(path) {
    this.search.leave();
    if (this.top?.path === path && this.top.view === this.app.view) return;
    if (this.top && this.top.view !== this.app.view) this.clear();
    this.expanded.clear();
    this.selected = null;
    const top = this.directory(path, READ_BY_ITSELF);
    this.top = top;
    this.map.read = 0;
    this.forgetOthers();
    this.grid.top();
    this.render();
    await top.read();
    const shown = this.top;  // Perhaps it has been read again meanwhile.
    if (shown?.path !== path || shown.view !== top.view || !shown.node) return;
    if (!isDirectory(shown.node)) {
      this.wanted = path;
      this.app.navigate(parentOf(path), true);
      return;
    }
    this.selectNode(this.wantedNode(shown) ?? shown.node);
  }

  // A link may lead to a file: its directory is shown, and it is selected there.
  wantedNode(top) {
    const wanted = this.wanted ? top.children.get(this.wanted) : null;
    this.wanted = null;
    if (!wanted) return null;
    this.renderRows();
    this.grid.selectKey(wanted.path, true);
    return wanted;
  }

  directory(path, wanted) {
    let directory = this.dirs.get(path);
    if (!directory) {
      directory =
          new Directory(this.app.api, this.app.view, path, (changed) => this.onChanged(changed));
      directory.wanted = wanted;
      this.dirs.set(path, directory);
    }
    directory.wanted = Math.max(directory.wanted, wanted);
    return directory;
  }

  forgetOthers() {
    for (const [path, directory] of this.dirs) {
      if (this.dirs.size <= DIRECTORIES_MAX) return;
      if (directory === this.top || this.expanded.has(path)) continue;
      directory.close();
      this.dirs.delete(path);
    }
  }

  clear() {
    for (const directory of this.dirs.values()) directory.close();
    this.dirs.clear();
    this.expanded.clear();
    this.dirty.clear();
    this.top = this.selected = null;
  }

  // All is read again; what is shown stays until it is there. Whoever asks meanwhile waits for one
  // more.
  reload() {
    this.again = true;
    this.reloading ??= this.reloadWhileAsked().finally(() => {
      this.reloading = null;
    });
    return this.reloading;
  }

  async reloadWhileAsked() {
    while (this.again) {
      this.again = false;
      await this.readAgain();
    }
  }

  async readAgain() {
    const {top} = this;
    if (!top) return;
    const fresh = await this.readFresh(top);
    if (this.top !== top) {
      fresh.close();
      return;
    }
    if (fresh.error) {
      this.app.problem(fresh.error, () => this.reload());
      return;
    }
    const others = [...this.dirs.values()].filter((directory) => directory !== top);
    this.dirs.set(top.path, fresh);
    this.top = fresh;
    top.close();
    this.map.read = 0;
    this.app.settled();
    this.render();
    this.refreshDetails();
    for (const directory of others) {
      const again = await this.readFresh(directory);
      if (this.top !== fresh || this.dirs.get(directory.path) !== directory || again.error) {
        again.close();
        if (again.error?.status === 404) this.forget(directory.path);
        continue;
      }
      directory.close();
      this.dirs.set(directory.path, again);
      this.later();
    }
  }

  // The same directory as it is now; this page changes nothing until all of it is there.
  async readFresh({path, wanted}) {
    const fresh = new Directory(this.app.api, this.app.view, path, () => {});
    fresh.wanted = wanted;
    await fresh.read();
    fresh.changed = (changed) => this.onChanged(changed);
    return fresh;
  }

  onChanged(directory) {
    if (this.dirs.get(directory.path) !== directory) return;
    if (directory.error) {
      if (directory === this.top)
        this.app.problem(directory.error, () => (directory.loaded ? this.reload() : this.retry()));
      else if ([0, 503].includes(directory.error.status))
        this.app.problem(directory.error, () => this.reload());
    } else if (directory === this.top && directory.loaded) {
      this.app.settled();
    }
    this.later(directory === this.top || this.expanded.has(directory.path));
  }

  async retry() {
    if (!this.top) return;
    const {path} = this.top;
    this.dirs.delete(path);
    this.top.close();
    this.top = null;
    await this.show(path);
  }

  up() {
    if (this.search.active)
      this.search.leave();
    else if (this.top && this.top.path !== '/')
      this.app.navigate(parentOf(this.top.path));
  }

  // --- rows --------------------------------------------------------------------------------------

  later(rowsToo = true) {
    this.rowsStale ||= rowsToo;
    if (this.timer) return;
    // What takes long to draw is drawn less often.
    this.timer = setTimeout(() => {
      const begun = performance.now();
      this.timer = 0;
      if (this.rowsStale) this.renderRows();
      this.rowsStale = false;
      this.map.render();
      this.took = performance.now() - begun;
    }, Math.max(30, Math.min(2000, 4 * (this.took ?? 0))));
  }

  render() {
    this.renderCrumbs();
    this.renderRows();
    this.map.render();
  }

  renderRows() {
    if (!this.top) return;
    for (const [by] of COLUMNS) {
      const cell = byId(`head-${by}`);
      const mine = this.order.by === by;
      cell.setAttribute('aria-sort', mine ? (this.order.up ? 'ascending' : 'descending') : 'none');
      cell.classList.toggle('sorted', mine);
    }
    const rows = this.search.active ? this.search.rows() : this.rowsOf(this.top, 1);
    this.grid.set(rows);
    byId('leave').hidden = !this.search.active;
    setText(byId('grid-words'), this.search.active ? this.search.words() : this.words());
  }

  rowsOf(directory, level) {
    const rows = [];
    for (const node of sorted(directory.children.values(), this.order)) {
      const expandable = isDirectory(node);
      const expanded = expandable && this.expanded.has(node.path);
      rows.push({key: node.path, node, level, expandable, expanded, directory});
      if (!expanded) continue;
      const inside = this.dirs.get(node.path);
      if (inside)
        for (const row of this.rowsOf(inside, level + 1)) rows.push(row);
    }
    const {path, loading, complete, loaded, error} = directory;
    if (error && directory !== this.top)
      rows.push({key: `${path}/!`, level, note: error.message});
    else if (!complete && loading)
      rows.push({key: `${path}/…`, level, note: 'Reading …'});
    else if (!complete && loaded)
      rows.push({
        key: `${path}/+`,
        level,
        note: 'More entries: press Enter or click to read them',
        more: directory
      });
    else if (complete && rows.length === 0)
      rows.push({key: `${path}/-`, level, note: 'This directory is empty.'});
    return rows;
  }

  words() {
    const {children, complete, node} = this.top;
    if (!this.top.loaded) return 'Reading …';
    const parts =
        [complete ? plural(children.size, 'entry', 'entries') :
                    `${count(children.size)} entries read so far, and sorted among themselves`];
    const sums = node?.totals;
    if (sums) {
      const directories = plural(Math.max(0, sums.dir_count - 1), 'directory', 'directories');
      parts.push(`${plural(sums.file_count, 'file')} and ${directories} at all depths`);
      parts.push(bytes(sums.total_size));
    }
    return parts.join(' · ');
  }

  drawHead() {
    byId('grid-head')
        .append(...COLUMNS.map(
            ([by, label]) =>
                el('span', {class: `cell ${by}`, id: `head-${by}`, role: 'columnheader'},
                   el('button', {
                     type: 'button',
                     tabindex: -1,
                     onclick: () => {
                       this.order = {by, up: this.order.by === by ? !this.order.up : by === 'name'};
                       this.renderRows();
                     },
                   },
                      label, el('span', {class: 'arrow', aria: {hidden: 'true'}})))));
  }

  drawRow(row) {
    const indent = el('span', {class: 'indent'});
    indent.style.width = `${(row.level - 1) * 18}px`;
    if (row.note) return [el('span', {class: 'cell note', role: 'gridcell'}, indent, row.note)];
    const {node, directory} = row;
    const kind = isDirectory(node) ? 'directory' : node.kind ?? 'file';
    const whole = directory?.node ? sizeOf(directory.node) : 0;
    const name = nameCell(row.label ?? nameOf(node.path));
    const label = isDirectory(node) ?
        el('a', {class: 'enter', href: toFragment(this.app.view, node.path), tabindex: -1}, name) :
        name;
    const twist = row.expandable && !row.label ?
        el('span', {class: 'twist', aria: {hidden: 'true'}},
           icon(row.expanded ? ICONS.open : ICONS.closed, 14)) :
        el('span', {class: 'twist'});
    const modified = modifiedOf(node);
    return [
      el('span', {class: 'cell name', role: 'gridcell'}, indent, twist,
         el('span', {class: `kind ${kind}`, title: kind}, icon(ICONS[kind] ?? ICONS.other)),
         el('span', {class: 'label', title: printable(node.path)}, label),
         badges(flagsOf(node, this.app.status))),
      el('span', {class: 'cell size', role: 'gridcell', title: `${count(sizeOf(node))} bytes`},
         whole > 0 ? bar(sizeOf(node), whole) : null,
         el('span', {class: 'number'}, bytes(sizeOf(node)))),
      el('span', {
        class: 'cell allocated',
        role: 'gridcell',
        title: `${count(allocatedOf(node))} bytes on disk`
      },
         bytes(allocatedOf(node))),
      el('span', {class: 'cell files', role: 'gridcell'},
         isDirectory(node) ? count(filesOf(node)) : ''),
      el('span', {class: 'cell age', role: 'gridcell', title: time(modified)},
         age(modified, nowS())),
    ];
  }

  openRow(row) {
    if (row.more)
      row.more.readMore();
    else if (row.note)
      this.search.more(row);
    else if (isDirectory(row.node))
      this.app.navigate(row.node.path);
    else
      this.select(row);
  }

  expand(row, quietly = false) {
    this.expanded.add(row.key);
    this.directory(row.key, READ_BY_ITSELF).read();
    if (!quietly) this.renderRows();
  }

  collapse(row) {
    for (const path of [...this.expanded])
      if (isWithin(path, row.key)) this.expanded.delete(path);
    this.renderRows();
  }

  reach(row) {
    if (row?.search) this.search.more(row);
  }

  select(row) {
    if (row.more)
      row.more.readMore();
    else if (row.node)
      this.selectNode(row.node);
  }

  // --- details -----------------------------------------------------------------------------------

  selectNode(node) {
    this.selected = node.path;
    showDetails(this.app, node, null);
    this.refreshDetails();
  }

  async refreshDetails() {
    const {selected} = this;
    if (!selected) return;
    this.asking?.abort();
    this.asking = new AbortController();
    try {
      const {node, meta} =
          await describe(this.app.api, this.app.view, selected, {signal: this.asking.signal});
      if (this.selected === selected) showDetails(this.app, node, meta);
    } catch (error) {
      if (error.status === 404 && this.selected === selected)
        showDetails(this.app, null, null, selected);
    }
  }

  renderCrumbs() {
    const link = (path, label) =>
        el('li', {}, el('a', {href: toFragment(this.app.view, path)}, label));
    const parts = this.top.path.split('/').filter(Boolean);
    let path = '/';
    const items = [link('/', nameCell(this.app.view))];
    for (const part of parts) {
      path = join(path, part);
      items.push(link(path, nameCell(part)));
    }
    items.at(-1).firstChild.setAttribute('aria-current', 'page');
    byId('crumbs').replaceChildren(el('ol', {}, items));
    byId('crumbs').scrollLeft = 1e6;
  }

  // --- changes -----------------------------------------------------------------------------------

  change({kind, node, old_path: from}) {
    if (!this.top) return;
    const {path} = node;
    if (kind === 'removed') this.forget(path);
    if (kind === 'moved') this.forget(from);
    if (kind !== 'removed') {
      if (path !== '/') this.dirs.get(parentOf(path))?.put(node);
      if (isDirectory(node) && kind !== 'updated') this.dirty.add(path);
    }
    if (this.dirty.size > SUMS_AT_ONCE)
      this.flushAll = true;  // Which ones makes no difference any more.
    else
      for (const place of from ? [path, from] : [path]) this.markAbove(place);
    if (this.selected === path) this.dirty.add(path);
    this.later();
    this.flushing ??= setTimeout(() => this.flush(), FLUSH_EVERY_MS);
  }

  forget(path) {
    this.dirs.get(parentOf(path))?.remove(path);
    for (const [place, directory] of this.dirs) {
      if (!isWithin(place, path) || directory === this.top) continue;
      directory.close();
      this.dirs.delete(place);
      this.expanded.delete(place);
    }
    if (this.top && isWithin(this.top.path, path)) this.flushAll = true;
  }

  // The sums that are shown of directories above this path.
  markAbove(path) {
    for (const place of this.dirs.keys()) {
      if (!isWithin(path, place) || path === place) continue;
      this.dirty.add(place);
      const child = childTowards(place, path);
      if (child !== path) this.dirty.add(child);
    }
  }

  async flush() {
    const begun = performance.now();
    const dirty = [...this.dirty];
    this.dirty.clear();
    if (this.flushAll || dirty.length > SUMS_AT_ONCE) {
      this.flushAll = false;
      await this.reload();
    } else {
      await Promise.all(dirty.map((path) => this.readSums(path)));
      if (dirty.includes(this.selected)) this.refreshDetails();
      this.later();
    }
    const wait = Math.max(FLUSH_EVERY_MS, REST * (performance.now() - begun));
    this.flushing = setTimeout(() => {
      this.flushing = null;
      if (!this.dirty.size && !this.flushAll) return;
      this.flushing = true;
      this.flush();
    }, wait);
  }

  async readSums(path) {
    try {
      const sums = await this.app.api.view(this.app.view, 'stats', {path});
      this.dirs.get(path)?.setTotals(path, sums);
      if (path !== '/') this.dirs.get(parentOf(path))?.setTotals(path, sums);
    } catch {
      // Gone again, or not ready: whoever asks next will be told.
    }
  }
}
