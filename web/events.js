// events.js: the change feed of a view: server-sent events by fetch, since EventSource sends no
// key.

import {Failure} from './api.js';

const LINE_MAX = 4 << 20;
const SILENCE_MS = 45_000;  // Fusion sends a comment every 15 s.
const WAIT_MIN_MS = 1000;
const WAIT_MAX_MS = 30_000;

// Cuts text into events, in whatever portions it comes. Pure.
export class EventParser {
  // `take` gets {event, data, id}; id only when the event has one.
  constructor(take) {
    this.take = take;
    this.rest = '';
    this.clear();
  }

  clear() {
    this.event = 'message';
    this.data = [];
    this.id = undefined;
  }

  feed(text) {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    if (this.rest.length > LINE_MAX) throw new Error('a line of the feed is too long');
    for (const line of lines) this.line(line);
  }

  line(line) {
    if (line === '') {
      if (this.data.length || this.id !== undefined) {
        this.take({event: this.event, data: this.data.join('\n'), id: this.id});
      }
      this.clear();
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event')
      this.event = value;
    else if (field === 'data')
      this.data.push(value);
    else if (field === 'id')
      this.id = value;
  }
}

// How long to wait before the n-th attempt in a row, 1 the first; `random` is from [0, 1).
export function backOff(attempt, random) {
  return Math.min(WAIT_MAX_MS, WAIT_MIN_MS * 2 ** Math.min(attempt - 1, 10)) * (0.5 + random / 2);
}

// Follows one view until stopped. Calls change({kind, ...}), reset(reason) and
// state('connecting' | 'live' | 'waiting' | 'resting' | 'refused', {retryInMs, why}).
export class Feed {
  constructor(api, view, {change, reset, state}) {
    Object.assign(this, {api, view, change, reset, state});
    this.stopped = new AbortController();
    this.position = null;
    this.begun = this.resting = false;
  }

  stop() {
    this.stopped.abort();
  }

  async run() {
    for (let attempt = 1; !this.stopped.signal.aborted; ++attempt) {
      this.state('connecting', {});
      let failure = null;
      try {
        await this.follow(() => {
          attempt = 0;
        });
      } catch (error) {
        failure = error;
      }
      if (this.stopped.signal.aborted) return;
      if (this.resting) {
        this.state('resting', {});
        await this.pause(null);
        attempt = 0;
        continue;
      }
      if (failure instanceof Failure && [401, 403, 404].includes(failure.status)) {
        this.state('refused', {why: failure.message});
        return;
      }
      let wait = backOff(attempt + 1, Math.random());
      if (failure?.retryAfter) wait = Math.max(wait, failure.retryAfter * 1000);
      this.state('waiting', {retryInMs: wait, why: failure?.message ?? 'The stream ended'});
      await this.pause(wait);
    }
  }

  // Tries again now, if it is waiting or resting.
  wake() {
    this.resting = false;
    this.wakeUp?.();
  }

  // Lets go of the connection until it is woken; then it goes on where it was. Browsers have six
  // connections to a server, for all their tabs together.
  rest() {
    this.resting = true;
    this.connection?.abort();
  }

  // ms null: until it is woken.
  pause(ms) {
    return new Promise((resolve) => {
      const {signal} = this.stopped;
      const timer = ms === null ? null : setTimeout(() => this.wakeUp(), ms);
      this.wakeUp = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', this.wakeUp);
        this.wakeUp = null;
        resolve();
      };
      signal.addEventListener('abort', this.wakeUp);
    });
  }

  // One connection, to its end.
  async follow(connected) {
    const silence = new AbortController();
    this.connection = silence;
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      const response = await this.api.open(`views/${encodeURIComponent(this.view)}/changes`, {
        signal: AbortSignal.any([this.stopped.signal, silence.signal]),
        headers: {
          Accept: 'text/event-stream',
          ...(this.position ? {'Last-Event-ID': this.position} : {})
        },
      });
      const parser = new EventParser((event) => this.take(event, connected));
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const {value, done} = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        parser.feed(value);
      }
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }

  take({event, data, id}, connected) {
    if (data) {
      const told = JSON.parse(data);
      if (event === 'start') {
        connected();
        this.state('live', {});
        // Without a place to go on from, what was between is not known.
        if (this.begun && told.resumed === false) this.reset('the connection was lost');
        this.begun = true;
        this.position = told.position ?? this.position;
      } else if (event === 'reset') {
        connected();
        this.state('live', {});
        this.reset(told.reason ?? 'changes were missed');
      } else {
        this.change(told);
      }
    }
    if (id !== undefined) this.position = id;
  }
}
