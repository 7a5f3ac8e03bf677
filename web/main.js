// main.js: the page as a whole: the key, the views, what is wrong, and which part is shown.

import {Activity} from './activity.js';
import {Agents} from './agents.js';
import {Api, Failure, mayBeKey} from './api.js';
import {Browse} from './browse.js';
import {nameOf as nameCell} from './cells.js';
import {byId, el, setText} from './dom.js';
import {bytes, count, duration, shortCount, time} from './format.js';
import {fromFragment, printable, toFragment} from './names.js';
import {Space} from './space.js';
import {stateOf} from './trust.js';

const TABS = ['files', 'space', 'agents'];
const KEPT_AS = 'fustor-key';
const THEME_AS = 'fustor-theme';
const VIEWS_EVERY_MS = 4000;
const RETRY_MIN_S = 2;
const RETRY_MAX_S = 30;

// --- the key
// ---------------------------------------------------------------------------------------

// "#key=..." of a link, which leaves the address bar at once.
function takeKeyOfLink() {
  const match = /^#key=([^&]*)(?:&(.*))?$/s.exec(location.hash);
  if (!match) return false;
  history.replaceState(null, '', `${location.pathname}${match[2] ? `#${match[2]}` : ''}`);
  let key = match[1];
  try {
    key = decodeURIComponent(key);
  } catch {
    // Then it is what it says.
  }
  if (!mayBeKey(key)) return false;
  sessionStorage.setItem(KEPT_AS, key);
  return true;
}

function askForKey(why = '') {
  byId('app').hidden = true;
  byId('door').hidden = false;
  byId('forget').hidden = true;
  byId('live').hidden = true;
  byId('views').replaceChildren();
  setText(byId('key-wrong'), why);
  byId('key').value = '';
  byId('key').focus();
}

// --- the page
// --------------------------------------------------------------------------------------

class App {
  constructor(key) {
    this.api = new Api(key);
    this.views = [];
    this.view = null;
    this.refused = false;  // The last question about the view was answered with 503.
    this.tab = 'files';
    this.ended = new AbortController();
  }

  get status() {
    return this.views.find((view) => view.id === this.view) ?? null;
  }

  async start() {
    try {
      await this.readViews();
    } catch (error) {
      if (error.status === 401 || error.status === 403) return end(error.message);
      this.open();
      this.problem(error, () => this.route());
      this.poll();
      return;
    }
    this.open();
    this.poll();
    await this.route();
  }

  open() {
    byId('door').hidden = true;
    byId('app').hidden = false;
    byId('forget').hidden = false;
  }

  end() {
    this.ended.abort();
    clearTimeout(this.pollTimer);
    clearInterval(this.retryTimer);
    this.activity?.stop();
    parts.agents?.hide();
    parts.space?.hide();
    parts.browse?.clear();
    byId('problem').hidden = true;
  }

  // --- which view and path ---------------------------------------------------------------------

  async route() {
    if (this.views.length === 0) {
      if (this.ended.signal.aborted) return;
      await this.readViews();
      if (this.views.length === 0) {
        this.problem(new Failure(404, 'This key opens no view'), () => this.route());
        return;
      }
    }
    const where = fromFragment(location.hash);
    const known = where && this.views.some((view) => view.id === where.view);
    if (where && !known) {
      this.problem(
          new Failure(404, `No view '${printable(where.view)}' is opened by this key`), null);
      if (this.view) return;
    }
    const view = known ? where.view : this.views[0].id;
    const path = known ? where.path : '/';
    if (!known) history.replaceState(null, '', toFragment(view, path));
    await this.go(view, path);
  }

  async go(view, path) {
    this.clearProblem();
    this.path = path;
    if (view !== this.view) {
      this.view = view;
      this.refused = false;
      this.activity?.stop();
      this.activity = new Activity(this, parts.browse);
      this.activity.start();
    }
    this.drawViews();
    this.showTab();
    document.title = `${path === '/' ? '' : `${printable(path)} · `}${printable(view)} · Fustor`;
    await parts.browse.show(path);
  }

  navigate(path, instead = false) {
    const fragment = toFragment(this.view, path);
    if (instead) {
      history.replaceState(null, '', fragment);
      return this.go(this.view, path);
    }
    location.hash = fragment;
    return undefined;
  }

  showTab() {
    for (const tab of TABS) {
      byId(tab).hidden = this.tab !== tab;
      byId(`tab-${tab}`).setAttribute('aria-selected', this.tab === tab);
      byId(`tab-${tab}`).tabIndex = this.tab === tab ? 0 : -1;
    }
    byId('crumbs').hidden = this.tab === 'agents';
    byId('search-form').hidden = this.tab !== 'files';
    parts.agents.hide();
    if (this.tab === 'agents') parts.agents.show();
    if (this.tab === 'space')
      parts.space.show(this.path);
    else
      parts.space.hide();
  }

  // --- the views -------------------------------------------------------------------------------

  async readViews() {
    const {views} = await this.api.views();
    this.views = views;
    this.lost = false;
    this.readAt = Date.now() / 1000;
    this.drawViews();
  }

  poll() {
    clearTimeout(this.pollTimer);
    if (this.ended.signal.aborted) return;
    this.pollTimer = setTimeout(async () => {
      try {
        if (!document.hidden) {
          const before = this.status?.ready;
          const {lost} = this;
          await this.readViews();
          if (lost || (before === false && this.status?.ready)) {
            this.activity?.feed.wake();
            this.tryAgain();
          }
        }
      } catch (error) {
        if (error.status === 401) return end(error.message);
        if (error.status === 0 && !this.retry) this.problem(error, () => this.refresh());
      }
      this.poll();
    }, VIEWS_EVERY_MS);
  }

  refresh() {
    return parts.browse.top ? parts.browse.reload() : this.route();
  }

  drawViews() {
    byId('views').replaceChildren(...this.views.map((view) => {
      const state = stateOf(view, view.id === this.view && this.refused);
      return el(
          'a', {
            class: `view ${state.key}`,
            href: toFragment(view.id, '/'),
            title: state.words || state.word,
            ...(view.id === this.view ? {aria: {current: 'true'}} : {}),
          },
          el('span', {class: 'dot', aria: {hidden: 'true'}}), nameCell(view.id),
          el('span', {class: 'small'},
             state.key === 'ready' ? bytes(view.total_size) : state.word));
    }));
    this.drawSummary();
  }

  drawSummary() {
    const {status} = this;
    if (!status) return;
    const state = this.lost ? {
      key: 'stale',
      word: 'No answer',
      words: `What is shown was read at ${time(this.readAt)}.`
    } :
                              stateOf(status, this.refused);
    const fact = (name, value, title) =>
        el('div', {class: 'fact', title}, el('dt', {}, name), el('dd', {}, value));
    const since = status.evidence_age_seconds;
    const files = status.file_evidence_age_seconds;
    byId('summary').replaceChildren(
        el('div', {class: 'state'}, el('span', {class: `pill ${state.key}`}, state.word),
           el('span', {class: 'words'},
              state.words ||
                  (status.is_auditing ? 'An audit is under way.' :
                                        (status.source_uris ?? []).map(printable).join(', ')))),
        el('dl', {},
           fact('Files', shortCount(status.total_files), `${count(status.total_files)} files`),
           fact(
               'Directories', shortCount(status.total_directories),
               `${count(status.total_directories)} directories`),
           fact('Size', bytes(status.total_size), `${count(status.total_size)} bytes`),
           fact(
               'Allocated', bytes(status.allocated_size),
               `${count(status.allocated_size)} bytes on disk`),
           fact(
               'Last report',
               since === null || since === undefined ? 'none' : `${duration(since)} ago`,
               'Since the last report of an agent was applied'),
           fact(
               'All files seen',
               files === null || files === undefined ? 'not yet' : `within ${duration(files)}`,
               'Within this time a scan has looked at every file'),
           ...lessTrusted(status).map(([name, value, title]) => fact(name, value, title)),
           fact(
               'Suspects', count(status.suspect_file_count ?? 0),
               'Files that may still be changing'),
           fact(
               'Blind spots', status.has_blind_spot ? 'some' : 'none',
               'What only scans have noticed')));
    const alarm = byId('alarm');
    alarm.hidden = !status.alarm;
    setText(alarm, printable(status.alarm ?? ''));
  }

  // --- what is wrong ---------------------------------------------------------------------------

  // Says in words what is wrong and what comes next. retry: what to do again; null: nothing.
  problem(error, retry) {
    if (error.name === 'AbortError' || this.ended.signal.aborted) return;
    if (error.status === 401) {
      end(error.message);
      return;
    }
    this.lost = error.status === 0;
    this.refused = error.status === 503;
    this.retry = retry;
    const [title, next] = wordsFor(error);
    const bare = error.status === 503 || error.status === 403 || !parts.browse.top?.loaded;
    byId('files').classList.toggle('veiled', bare);
    const words = el('p', {class: 'small'});
    const rows = this.status?.snapshot_rows;
    byId('problem').replaceChildren(
        ...[el('h2', {}, title),
            el('p', {}, `${error.message.replace(/\.?$/, '.')} ${next}`.trim()),
            error.status === 503 && rows ?
                el('p', {class: 'small'}, `${count(rows)} rows have come so far.`) :
                null,
            el('div', {class: 'actions'},
               retry ?
                   el('button', {class: 'primary', type: 'button', onclick: () => this.tryAgain()},
                      'Try again now') :
                   null,
               error.status === 404 && this.view ?
                   el('button', {class: 'quiet', type: 'button', onclick: () => this.navigate('/')},
                      'To the top') :
                   null,
               words)]
            .filter(Boolean));
    byId('problem').hidden = false;
    this.drawViews();
    clearInterval(this.retryTimer);
    if (!retry || ![0, 429, 503].includes(error.status)) return;
    this.failures = (this.failures ?? 0) + 1;
    let left = Math.min(
        RETRY_MAX_S,
        Math.max(
            error.retryAfter ?? 0,
            error.retryAfter ? 0 : RETRY_MIN_S * 2 ** Math.min(this.failures - 1, 4)));
    const tell = () => setText(words, `Trying again in ${left} s.`);
    tell();
    this.retryTimer = setInterval(() => {
      left -= 1;
      if (left > 0)
        tell();
      else
        this.tryAgain();
    }, 1000);
  }

  tryAgain() {
    const {retry} = this;
    clearInterval(this.retryTimer);
    if (!retry) return;
    this.retry = null;
    Promise.resolve(retry()).catch((error) => this.problem(error, retry));
  }

  clearProblem() {
    clearInterval(this.retryTimer);
    this.retry = null;
    byId('problem').hidden = true;
    byId('files').classList.remove('veiled');
  }

  // A question was answered.
  settled() {
    this.failures = 0;
    this.lost = false;
    if (this.refused) {
      this.refused = false;
      this.drawViews();
    }
    if (!byId('problem').hidden && parts.browse.top && !parts.browse.top.error) this.clearProblem();
  }

  scanned() {
    parts.browse.reload();
  }
}

// Only told of where it is so.
function*
    lessTrustedFacts({uncertain = [], audit_only: unwatched = [], refused_items: refused = 0}) {
  const listed = (number) => (number >= 100 ? '100 or more' : count(number));
  if (uncertain.length)
    yield ['Uncertain', `${listed(uncertain.length)} subtrees`, 'Events were lost there: see Agents'];
  if (unwatched.length)
    yield ['Unwatched', `${listed(unwatched.length)} subtrees`, 'Changes there show after the next audit: see Agents'];
  if (refused)
    yield ['Refused', count(refused), 'Entries that were refused since the view is full (max_tree_items)'];
}
const lessTrusted = (status) => [...lessTrustedFacts(status)];

function wordsFor({status, retryAfter}) {
  if (status === 0) return ['No connection', 'Is Fusion running, and is this host reachable?'];
  if (status === 403)
    return [
      'This key does not open the view', 'Choose another view, or sign out and type another key.'
    ];
  if (status === 404) return ['Nothing is there', 'It may have been removed or renamed.'];
  if (status === 429) return ['Too much at once', ''];
  if (status === 503) return [retryAfter === 1 ? 'Busy' : 'Not ready yet', ''];
  return ['This did not work', ''];
}

// --- beginning and end
// -----------------------------------------------------------------------------

let app = null;
// What there is once in the document; it asks for the app of the moment.
const parts = {};
const present = new Proxy({}, {
  get(_, name) {
    const value = app?.[name];
    return typeof value === 'function' ? value.bind(app) : value;
  },
});

function begin() {
  const key = sessionStorage.getItem(KEPT_AS);
  if (!key) return askForKey();
  app = new App(key);
  const mine = app;
  return mine.start().catch((error) => mine.problem(error, () => mine.route()));
}

function end(why) {
  sessionStorage.removeItem(KEPT_AS);
  app?.end();
  app = null;
  askForKey(why ? `${why.replace(/\.?$/, '.')} Type another one.` : '');
}

function setTheme(choice) {
  const dark = choice === 'dark' ||
      (choice === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  setText(byId('theme'), {auto: '◐', light: '○', dark: '●'}[choice]);
  const words = `Colours: ${{auto: 'as the system', light: 'light', dark: 'dark'}[choice]}`;
  byId('theme').title = words;
  byId('theme').setAttribute('aria-label', words);
  parts.browse?.map.later();
}

function prepareTheme() {
  let choice = localStorage.getItem(THEME_AS) ?? 'auto';
  if (!['auto', 'light', 'dark'].includes(choice)) choice = 'auto';
  byId('theme').addEventListener('click', () => {
    choice = {auto: 'light', light: 'dark', dark: 'auto'}[choice];
    localStorage.setItem(THEME_AS, choice);
    setTheme(choice);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => setTheme(choice));
  setTheme(choice);
}

function prepareTabs() {
  const choose = (tab) => {
    if (!app?.view) return;
    app.tab = tab;
    app.showTab();
    if (tab === 'files') parts.browse.render();
    byId(`tab-${tab}`).focus();
  };
  TABS.forEach((tab, i) => {
    byId(`tab-${tab}`).addEventListener('click', () => choose(tab));
    byId(`tab-${tab}`).addEventListener('keydown', (event) => {
      const step = {ArrowLeft: TABS.length - 1, ArrowRight: 1}[event.key];
      if (step) choose(TABS[(i + step) % TABS.length]);
    });
  });
}

prepareTheme();
prepareTabs();
parts.browse = new Browse(present);
parts.agents = new Agents(present);
parts.space = new Space(present, {
  find(query, words) {
    app.tab = 'files';
    app.showTab();
    parts.browse.search.beginQuery(query, words);
  },
  toFiles() {
    app.tab = 'files';
  },
});
byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const key = byId('key').value.trim();
  if (!mayBeKey(key)) {
    setText(byId('key-wrong'), 'A key is one word of printable ASCII.');
    return;
  }
  sessionStorage.setItem(KEPT_AS, key);
  begin();
});
byId('forget').addEventListener('click', () => end(''));
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  byId('grid').focus();
});
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && !/^(INPUT|TEXTAREA)$/.test(event.target.tagName) && app?.view) {
    event.preventDefault();
    byId('search').focus();
  }
});
addEventListener('hashchange', () => {
  if (takeKeyOfLink()) {
    app?.end();
    begin();
  } else if (app) {
    // Another view is shown in the same way; a place in this one is shown among its files.
    if (app.tab === 'agents' && fromFragment(location.hash)?.view === app.view) app.tab = 'files';
    app.route().catch((error) => app?.problem(error, () => app.route()));
  }
});
takeKeyOfLink();
begin();
