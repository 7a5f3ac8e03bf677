// space.js: where the space of a directory went, however deep: by age, size, kind, owner; what is
// largest.

import {nameOf as nameCell, share} from './cells.js';
import {isDirectory} from './directory.js';
import {byId, el, setText} from './dom.js';
import {bytes, clock, count, percent, plural} from './format.js';
import {printable, toFragment} from './names.js';

const LARGEST = 12;
const GROUPS = 12;
const SAME = 8;

const AGES = {
  future: 'in the future',
  '0-1d': 'within a day',
  '1d-7d': 'a week',
  '7d-30d': 'a month',
  '30d-90d': '3 months',
  '90d-180d': '6 months',
  '180d-1y': 'a year',
  '1y-2y': '2 years',
  '2y-5y': '5 years',
  '5y-10y': '10 years',
  '10y-': 'longer ago',
};
// Powers of two are too fine for eyes: [below, name].
const CLASSES = [
  [1, 'empty'],
  [4096, 'to 4 KiB'],
  [65536, 'to 64 KiB'],
  [1 << 20, 'to 1 MiB'],
  [16 << 20, 'to 16 MiB'],
  [256 << 20, 'to 256 MiB'],
  [4 * 2 ** 30, 'to 4 GiB'],
  [Infinity, 'larger'],
];

const add = (sums, group) => {
  for (const key of ['file_count', 'total_size', 'allocated_size'])
    sums[key] = (sums[key] ?? 0) + (group[key] ?? 0);
  return sums;
};

// Groups by power of two as the classes of above: [{label, sums, query}], each class that has
// files. Pure.
export function sizeClasses(groups) {
  return CLASSES
      .map(([below, label], i) => {
        const from = i === 0 ? 0 : CLASSES[i - 1][0];
        const mine =
            groups.filter(({group}) => Number(group.size) >= from && Number(group.size) < below);
        const query = `size_min=${from}${below === Infinity ? '' : `&size_max=${below - 1}`}`;
        return {label, sums: mine.reduce(add, {}), query, some: mine.length > 0};
      })
      .filter(({some}) => some);
}

const TITLES = {
  age: 'Last modified',
  size: 'Size of files',
  ext: 'Kinds',
  owner: 'Owners',
  directories: 'Largest directories',
  files: 'Largest files',
  same: 'Perhaps the same',
};
const GROUPED = [
  {by: 'age', words: ({age}) => AGES[age] ?? age},
  {by: 'size', rows: sizeClasses},
  {by: 'ext', words: ({ext}) => (ext === '' ? 'no extension' : `.${ext}`)},
  {by: 'owner', words: ({owner}) => `uid ${owner}`},
];

// app: {api, view, problem, settled}; find(query, words): shows the files of a group; toFiles():
// shows where the address leads among the files.
export class Space {
  constructor(app, {find, toFiles}) {
    Object.assign(this, {app, find, toFiles});
    this.shown = null;
  }

  show(path, again = false) {
    const {view} = this.app;
    if (!again && this.shown?.path === path && this.shown.view === view) return;
    this.hide();
    this.shown = {path, view};
    this.cancel = new AbortController();
    this.cards = new Map();
    const card = (id) => {
      const body = el('div', {}, el('p', {class: 'small'}, 'Looking …'));
      this.cards.set(id, body);
      return el(
          'section', {class: 'card', id: `space-${id}`},
          el('div', {class: 'card-head'}, el('h2', {}, TITLES[id])), body);
    };
    byId('space').replaceChildren(
        el('p', {class: 'small wide'}, el('span', {id: 'space-words', role: 'status'}, 'Looking …'),
           ' ',
           el('button', {class: 'quiet', type: 'button', onclick: () => this.show(path, true)},
              'Look again')),
        el('div', {class: 'column'}, card('age'), card('ext'), card('files')),
        el('div', {class: 'column'}, card('size'), card('owner'), card('directories'),
           card('same')));
    this.read(this.cancel.signal).catch((error) => {
      if (error.name !== 'AbortError') this.app.problem(error, () => this.show(path, true));
    });
  }

  hide() {
    this.cancel?.abort();
    this.shown = null;
  }

  // One question after the other: each looks at everything below.
  async read(signal) {
    const {path, view} = this.shown;
    const ask = (route, parameters) =>
        this.app.api.view(view, route, {under: path, ...parameters}, {signal});
    for (const {by, words, rows} of GROUPED) {
      const answer = await ask('groups', {by, limit: by === 'size' || by === 'age' ? 100 : GROUPS});
      this.app.settled();
      const list = rows ?
          rows(answer.groups) :
          answer.groups.map(
              (group) => ({label: words(group.group), sums: group, query: group.query}));
      if (answer.other) list.push({label: 'other', sums: answer.other, query: null});
      this.put(by, this.bars(list, answer.total));
      if (by === 'age') this.say(answer);
    }
    const directories = await ask('top', {of: 'directories', limit: LARGEST});
    this.put(
        'directories',
        this.ranking(
            directories.items,
            (node) => `${bytes(node.value)} · ${plural(node.totals?.file_count ?? 0, 'file')}`));
    const files = await ask('top', {of: 'files', limit: LARGEST});
    this.put('files', this.ranking(files.items, (node) => bytes(node.value)));
    this.put(
        'same',
        this.same(
            await ask('duplicates', {by: 'size,name', limit: SAME, files: 4, only_path: true})));
  }

  say({total, now}) {
    setText(
        byId('space-words'),
        `${plural(total.file_count, 'file')}, ${bytes(total.total_size)} below ${
            printable(this.shown.path)}, as of ${clock(now)}. A bar leads to its files.`);
  }

  put(id, content) {
    this.cards.get(id).replaceChildren(content);
  }

  bars(list, total) {
    if (!list.length) return el('p', {class: 'small'}, 'There are no files.');
    const most = Math.max(...list.map(({sums}) => sums.total_size));
    return el('ul', {class: 'bars'}, list.map(({label, sums, query}) => {
      const text = [
        el('span', {class: 'what'}, nameCell(label)), share(sums.total_size, most),
        el('span', {class: 'number'}, bytes(sums.total_size)),
        el('span', {class: 'number small'}, percent(sums.total_size, total.total_size)),
        el('span', {class: 'number small files'}, plural(sums.file_count, 'file'))
      ];
      const title = `${count(sums.total_size)} bytes, ${count(sums.allocated_size)} on disk`;
      return el(
          'li', {title},
          query === null ? el('span', {class: 'bar-row'}, text) :
                           el('button', {
                             class: 'bar-row',
                             type: 'button',
                             onclick: () => this.find(query, printable(label))
                           },
                              text));
    }));
  }

  // A directory is looked into here, a file among the files.
  link(node) {
    const onclick = isDirectory(node) ? null : () => this.toFiles();
    return el('a', {href: toFragment(this.app.view, node.path), onclick}, nameCell(node.path));
  }

  ranking(items, words) {
    if (!items.length) return el('p', {class: 'small'}, 'There is nothing.');
    return el(
        'ol', {class: 'ranking'},
        items.map(
            (node) =>
                el('li', {}, el('span', {class: 'what'}, this.link(node)),
                   el('span', {class: 'number'}, words(node)))));
  }

  same({groups, group_count: number, reclaimable_size: free}) {
    if (!groups.length)
      return el('p', {class: 'small'}, 'No two files have the same name and size.');
    return el(
        'div', {},
        el('p', {class: 'small'},
           `${plural(number, 'group')} of the same name and size; ${
               bytes(free)} would be free if one of each were left. ` +
               'Nobody has compared their contents.'),
        el('ol', {class: 'ranking'},
           groups.map(
               (group) =>
                   el('li', {},
                      el('span', {class: 'what'}, nameCell(group.name),
                         el('span', {class: 'small block'},
                            group.files.flatMap(
                                (node, i) => (i ? [', ', this.link(node)] : [this.link(node)])),
                            group.more_files ? ` and ${count(group.more_files)} more` : null)),
                      el('span', {class: 'number'},
                         `${count(group.count)} × ${bytes(group.size)}`)))));
  }
}
