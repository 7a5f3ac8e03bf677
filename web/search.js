// search.js: what is found by name, in place of the directory's entries.

import {sorted} from './directory.js';
import {byId} from './dom.js';
import {count, plural} from './format.js';
import {printable} from './names.js';

const PAGE = 300;
const TYPING_MS = 250;
const EMPTY_PAGES_MAX = 20;  // A page of a large view may hold nothing and still have a next one.
const KEPT_MAX = 30_000;

export class Search {
  constructor(browse) {
    this.browse = browse;
    this.active = false;
    const input = byId('search');
    input.addEventListener('input', () => this.typed(input.value));
    byId('search-here').addEventListener('change', () => this.typed(input.value));
    byId('search-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.typed(input.value, 0);
      byId('grid').focus();
    });
    byId('leave').addEventListener('click', () => this.leave());
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.active) this.leave();
    });
  }

  typed(text, wait = TYPING_MS) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (text.trim() === '')
        this.leave();
      else if (this.browse.top)
        this.begin(text);
    }, wait);
  }

  leave() {
    clearTimeout(this.timer);
    this.cancel?.abort();
    byId('search').value = '';
    if (!this.active) return;
    this.active = false;
    this.browse.grid.top();
    this.browse.renderRows();
  }

  begin(pattern) {
    this.start({
      pattern,
      under: byId('search-here').checked ? this.browse.top.path : '/',
      query: '',
      what: ''
    });
  }

  // Files of the directory shown that `query` chooses, parameters of the search; the largest first.
  beginQuery(query, what) {
    this.browse.order = {by: 'size', up: false};
    this.start(
        {pattern: undefined, under: this.browse.top.path, query: `sort=-size&${query}`, what});
  }

  start({pattern, under, query, what}) {
    this.cancel?.abort();
    this.cancel = new AbortController();
    Object.assign(this, {
      active: true,
      pattern,
      under,
      query,
      what,
      found: [],
      next: undefined,
      loading: false,
      error: null
    });
    this.browse.grid.top();
    this.read();
  }

  async read() {
    if (this.loading || this.next === null || this.found.length >= KEPT_MAX) return;
    const {signal} = this.cancel;
    this.loading = true;
    this.error = null;
    this.browse.renderRows();
    try {
      for (let pages = 0; pages < EMPTY_PAGES_MAX; ++pages) {
        const {api, view} = this.browse.app;
        const answer = await api.view(
            view, 'search', {
              pattern: this.pattern,
              under: this.under,
              type: this.query ? undefined : 'any',
              limit: PAGE,
              totals: true,
              cursor: this.next,
            },
            {signal, query: this.query});
        this.next = answer.next;
        for (const node of answer.items) this.found.push(node);
        if (answer.items.length || this.next === null) break;
      }
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
      if ([0, 401, 503].includes(error.status)) this.browse.app.problem(error, () => this.read());
    }
    this.loading = false;
    this.browse.renderRows();
  }

  // The end of what was read came in sight.
  more(row) {
    if (row.search && !this.error) this.read();
  }

  rows() {
    const begin = this.under === '/' ? 1 : this.under.length + 1;
    const rows =
        sorted(this.found, this.browse.order).map((node) => ({
                                                    key: node.path,
                                                    node,
                                                    level: 1,
                                                    expandable: false,
                                                    label: node.path.slice(begin) || node.path,
                                                    directory: null,
                                                  }));
    if (this.error)
      rows.push({key: '!', level: 1, note: this.error.message});
    else if (this.loading)
      rows.push({key: '…', level: 1, note: 'Looking …'});
    else if (rows.length >= KEPT_MAX)
      rows.push({key: '-', level: 1, note: 'There is more: say more of the name'});
    else if (this.next !== null)
      rows.push({key: '+', level: 1, note: 'Looking further …', search: true});
    else if (rows.length === 0)
      rows.push({key: '-', level: 1, note: 'Nothing is called so.'});
    return rows;
  }

  words() {
    const where = this.under === '/' ? 'in the whole view' : `below ${printable(this.under)}`;
    const found = this.next === null ? plural(this.found.length, 'entry', 'entries') :
                                       `${count(this.found.length)} entries so far`;
    return `${found} found ${where}${this.what ? `: ${this.what}` : ''}. Escape leads back.`;
  }
}
