// activity.js: what changes as it happens, and whether this page hears of it.

import {nameOf} from './cells.js';
import {byId, el, setText} from './dom.js';
import {Feed} from './events.js';
import {clock, count} from './format.js';
import {isWithin, parentOf, toFragment} from './names.js';

const SHOWN = 60;
const HIDDEN_MS = 60_000;
const SIGNS = {
  created: '+',
  updated: '~',
  removed: '−',
  moved: '→'
};

export class Activity {
  constructor(app, browse) {
    this.app = app;
    this.browse = browse;
    this.recent = [];
    this.total = 0;
    this.feed = new Feed(app.api, app.view, {
      change: (told) => this.change(told),
      reset: (why) => this.reset(why),
      state: (state, more) => this.state(state, more),
    });
  }

  start() {
    this.draw();
    this.feed.run();
    this.onVisible = () => this.visible(!document.hidden);
    document.addEventListener('visibilitychange', this.onVisible);
  }

  // A page that nobody sees for a while follows nothing; what it missed comes when it is seen
  // again.
  visible(yes) {
    clearTimeout(this.hiding);
    if (yes)
      this.feed.wake();
    else
      this.hiding = setTimeout(() => this.feed.rest(), HIDDEN_MS);
  }

  stop() {
    document.removeEventListener('visibilitychange', this.onVisible);
    clearTimeout(this.hiding);
    this.feed.stop();
    clearInterval(this.timer);
    byId('live').hidden = true;
  }

  change(told) {
    this.total += 1;
    // A directory's own times follow from what happens in it; who looks wants the cause.
    if (told.kind !== 'updated' || told.node.content_type !== 'directory') this.note(told);
    this.browse.change(told);
  }

  note(told) {
    const {kind, node, time} = told;
    const last = this.recent[0];
    if (last && kind === 'updated' && last.kind !== 'removed' && last.path === node.path)
      last.time = time;
    else {
      this.recent.unshift({kind, time, path: node.path, from: told.old_path});
      this.recent.length = Math.min(this.recent.length, SHOWN);
    }
    this.later();
  }

  reset(why) {
    setText(byId('activity-words'), `read again: ${why}`);
    this.browse.reload();
  }

  later() {
    this.drawing ??= setTimeout(() => {
      this.drawing = null;
      this.draw();
    }, 200);
  }

  draw() {
    const {view} = this.app;
    setText(
        byId('activity-words'),
        this.total ? `${count(this.total)} since this page was opened` : '');
    byId('activity-list')
        .replaceChildren(...this.recent.map(
            ({kind, time, path, from}) => el(
                'li', {}, el('span', {class: `sign ${kind}`, title: kind}, SIGNS[kind] ?? '?'),
                el('span', {class: 'what'},
                   kind === 'removed' ?
                       nameOf(path) :
                       el('a', {href: toFragment(view, kind === 'moved' ? parentOf(path) : path)},
                          nameOf(path)),
                   from && !isWithin(path, from) ?
                       el('span', {class: 'small block'}, 'was ', nameOf(from)) :
                       null),
                el('time', {class: 'small'}, clock(time)))));
    if (!this.recent.length)
      byId('activity-list').replaceChildren(el('li', {class: 'small'}, 'Nothing has changed yet.'));
  }

  state(state, {retryInMs, why}) {
    const live = byId('live');
    clearInterval(this.timer);
    live.hidden = false;
    live.className = `feed ${state}`;
    live.title = why ?? '';
    if (state === 'live')
      setText(live, 'Live');
    else if (state === 'connecting')
      setText(live, 'Connecting …');
    else if (state === 'resting')
      setText(live, 'Paused');
    else if (state === 'refused')
      setText(live, 'Not live');
    else {
      const until = Date.now() + retryInMs;
      const tell = () =>
          setText(live, `Not live · ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`);
      tell();
      this.timer = setInterval(tell, 1000);
    }
  }
}
