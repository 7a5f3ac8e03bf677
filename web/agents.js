// agents.js: who reports, how they are, and what is known less well than the rest.

import {badges, nameOf, progress} from './cells.js';
import {jobWords} from './details.js';
import {byId, el} from './dom.js';
import {age, clock, count, duration, plural, time} from './format.js';
import {printable, toFragment} from './names.js';
import {FLAGS} from './trust.js';

const EVERY_MS = 2000;
const LIST_MAX = 200;       // Rows of a list that are shown.
const ASK_LIST_MAX = 5000;  // Longer ones are only counted.

export class Agents {
  constructor(app) {
    this.app = app;
    this.shown = false;
  }

  show() {
    if (this.shown) return;
    this.shown = true;
    this.run();
  }

  hide() {
    this.shown = false;
    clearTimeout(this.timer);
    this.cancel?.abort();
  }

  async run() {
    if (!this.shown) return;
    const {api, view} = this.app;
    this.cancel = new AbortController();
    const ask = (what) => api.view(view, what, {}, {signal: this.cancel.signal});
    try {
      const status = this.app.status ?? {};
      const [sessions, jobs, suspects, blind] = await Promise.all([
        ask('sessions'),
        ask('jobs'),
        (status.suspect_file_count ?? 0) <= ASK_LIST_MAX ? ask('suspect-list') : null,
        ask('stats').then(
            (sums) =>
                (sums.blind_spot_additions + sums.blind_spot_deletions <= ASK_LIST_MAX ?
                     ask('blind-spots') :
                     {
                       additions_count: sums.blind_spot_additions,
                       deletion_count: sums.blind_spot_deletions
                     }),
            () => null),
      ]);
      if (this.app.view === view && this.shown)
        this.draw({sessions, jobs: jobs.jobs, suspects, blind});
      this.app.settled();
    } catch (error) {
      if (!this.cancel.signal.aborted) this.app.problem(error, () => this.run());
    }
    if (this.shown) this.timer = setTimeout(() => this.run(), EVERY_MS);
  }

  draw({sessions, jobs, suspects, blind}) {
    const {status = {}} = this.app;
    byId('agents').replaceChildren(
        this.sessionsCard(sessions), this.jobsCard(jobs), this.uncertainCard(status),
        this.suspectsCard(suspects, status), this.blindCard(blind));
  }

  link(path) {
    return el('a', {href: toFragment(this.app.view, path)}, nameOf(path));
  }

  sessionsCard({active_sessions: sessions}) {
    const now = Date.now() / 1000;
    const rows = sessions.map((session) => {
      const silent = now - session.last_activity > session.session_timeout_seconds / 2;
      return el(
          'tr', {},
          el('th', {scope: 'row'}, nameOf(session.agent_id || session.task_id),
             el('span', {class: 'small block'}, nameOf(session.task_id))),
          el('td', {}, el('span', {class: `role ${session.role}`}, session.role)),
          el('td', {},
             session.can_realtime ?
                 el('span', {class: 'good'}, '● realtime') :
                 el('span', {
                   class: 'bad',
                   title: 'The agent sees no events: changes show after its next scan',
                 },
                    '▲ degraded')),
          el('td', {title: time(session.last_activity), class: silent ? 'bad' : ''},
             `${age(session.last_activity, now)}${
                 age(session.last_activity, now) === 'now' ? '' : ' ago'}`,
             el('span', {class: 'small block'},
                `times out after ${duration(session.session_timeout_seconds)}`)),
          el('td', {class: 'right'},
             session.rows_sent === undefined ? '–' : count(session.rows_sent)),
          el('td', {}, session.source_uri ? nameOf(session.source_uri) : '–'),
          el('td', {}, session.client_ip ?? '–'));
    });
    const head = ['Agent', 'Role', 'Events', 'Last heard', 'Rows', 'Source', 'From'];
    return card(
        `Agents`, plural(sessions.length, 'session'),
        rows.length ?
            el('div', {class: 'scroll'},
               el('table', {},
                  el('thead', {},
                     el('tr', {},
                        head.map(
                            (text) =>
                                el('th', {scope: 'col', class: text === 'Rows' ? 'right' : ''},
                                   text)))),
                  el('tbody', {}, rows))) :
            el('p', {},
               'Nobody reports to this view. Start an agent (fustor-agent), or look into its log for why it cannot reach Fusion.'),
        'wide');
  }

  jobsCard(jobs) {
    const list = [...jobs].reverse().slice(0, 20).map(
        (job) => el(
            'li', {}, el('span', {}, this.link(job.path), ` · ${clock(job.created_at)}`),
            progress(job.status === 'COMPLETED' ? 100 : job.progress.percentage),
            el('span',
               {class: job.status === 'FAILED' || job.status === 'EXPIRED' ? 'small bad' : 'small'},
               jobWords(job))));
    return card(
        'Scans on demand', plural(jobs.length, 'job'),
        list.length ?
            el('ul', {class: 'plain'}, list) :
            el('p', {}, 'None in the last hour. A scan begins with the button beside an entry.'));
  }

  uncertainCard({
    uncertain = [],
    audit_only: auditOnly = [],
    alarm = null,
    file_evidence_age_seconds: files = null
  }) {
    return card(
        'What to trust less', '', alarm ? el('p', {class: 'bad'}, printable(alarm)) : null,
        el('p', {},
           files === null ? 'No scan has looked at every file yet.' :
                            `Within the last ${duration(files)} a scan has looked at every file.`),
        el('h3', {}, badges([{key: 'uncertain', ...FLAGS.uncertain}]),
           ` ${plural(uncertain.length, 'subtree')}`),
        list(
            uncertain, ({path, since}) => [this.link(path), ` since ${time(since)}`],
            'Nowhere: no events are missing.'),
        el('h3', {}, badges([{key: 'auditonly', ...FLAGS.auditonly}]),
           ` ${plural(auditOnly.length, 'subtree')}`),
        list(auditOnly, (path) => [this.link(path)], 'Nowhere: everything is watched.'));
  }

  suspectsCard(suspects, status) {
    const now = Date.now() / 1000;
    const number = suspects?.length ?? status.suspect_file_count ?? 0;
    return card(
        'Suspects', plural(number, 'file'), el('p', {class: 'small'}, FLAGS.suspect.why),
        list(
            suspects ?? [],
            ({path, suspect_until: until}) => [this.link(path), ` for ${duration(until - now)}`],
            suspects ? 'None.' : 'Too many to list here.'));
  }

  blindCard(blind) {
    if (!blind) return card('Blind spots', '', el('p', {}, 'The view is not ready.'));
    return card(
        'Blind spots', `${count(blind.additions_count)} found, ${count(blind.deletion_count)} lost`,
        el('p', {class: 'small'},
           'What only scans have noticed: somebody without an agent has written there, or events were lost.'),
        list(
            blind.additions ?? [], (node) => ['+ ', this.link(node.path)],
            blind.additions_count ? 'Too many to list here.' : 'Nothing was found.'),
        list(
            blind.deletions ?? [], (path) => ['− ', nameOf(path)],
            blind.deletion_count ? 'Too many to list here.' : 'Nothing was lost.'));
  }
}

function card(title, small, ...children) {
  const wide = children.at(-1) === 'wide' ? children.pop() && 'wide' : '';
  return el(
      'section', {class: `card ${wide}`},
      el('div', {class: 'card-head'}, el('h2', {}, title), el('span', {class: 'small'}, small)),
      children);
}

function list(items, draw, none) {
  if (!items.length) return el('p', {class: 'small'}, none);
  const more = items.length - LIST_MAX;
  return el(
      'ul', {class: 'plain paths'},
      items.slice(0, LIST_MAX).map((item) => el('li', {}, draw(item))),
      more > 0 ? el('li', {class: 'small'}, `and ${count(more)} more`) : null);
}
