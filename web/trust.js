// trust.js: how far an entry can be trusted, in words. Pure.

import {time} from './format.js';
import {isWithin, printable} from './names.js';

export const FLAGS = {
  suspect: {
    label: 'suspect',
    why:
        'Written a moment ago: size and times may still change. The flag ends by itself when the file comes to rest.',
  },
  uncertain: {
    label: 'uncertain',
    why: 'Events were lost here. What is shown was right then, and is being looked at again.',
  },
  auditonly: {
    label: 'audit only',
    why: 'No watch covers this place: changes show after the next audit, not at once.',
  },
  missing: {
    label: 'agent missing',
    why: 'Found by an audit alone: no agent has announced it.',
  },
  skipped: {
    label: 'audit skipped',
    why: 'The last audit found the directory unchanged and did not look at each of its files.',
  },
};

// Of what a view says of itself: since when `path` is uncertain, in seconds; null: it is not, or
// nobody knows since when.
export function uncertainSince(path, view) {
  const covering =
      (view?.uncertain ?? []).filter((one) => isWithin(path, one.path) || isWithin(one.path, path));
  return covering.length ? Math.min(...covering.map((one) => one.since)) : null;
}

// The flags of a node, the gravest first: [{key, label, why}].
export function flagsOf(node, view) {
  const found = [];
  const add = (key, more = {}) => found.push({key, ...FLAGS[key], ...more});
  if (node.uncertain) {
    const since = uncertainSince(node.path, view);
    add('uncertain', since === null ? {} : {
      label: `uncertain since ${time(since).slice(5, 16)}`,
      why: `Events were lost here at ${
          time(since)}. What is shown was right then, and is being looked at again.`,
    });
  }
  if (node.integrity_suspect) add('suspect');
  if (node.agent_missing) add('missing');
  if (node.audit_only) add('auditonly');
  if (node.audit_skipped) add('skipped');
  return found;
}

// What a tile is coloured by.
export const trustOf = (node) =>
    (node.uncertain             ? 'uncertain' :
         node.integrity_suspect ? 'suspect' :
         node.agent_missing     ? 'missing' :
         node.audit_only        ? 'auditonly' :
                                  'sound');

export const AGES = [
  {key: 'day', label: 'a day', below: 86400},
  {key: 'week', label: 'a week', below: 7 * 86400},
  {key: 'month', label: 'a month', below: 30.44 * 86400},
  {key: 'year', label: 'a year', below: 365.25 * 86400},
  {key: 'years', label: '3 years', below: 3 * 365.25 * 86400},
  {key: 'old', label: 'older', below: Infinity},
];
export const ageOf = (modified, now) =>
    AGES.find(({below}) => now - modified < below)?.key ?? 'old';

// The state of a view: {key, word, words}: how it stands in one word, and why in a sentence.
// `refused`: the last question about it was answered with 503.
export function stateOf(view, refused = false) {
  if (view.ready) return {key: 'ready', word: 'Ready', words: ''};
  if (view.freshness === 'stale' && !refused) {
    const since = view.stale_since ? `since ${time(view.stale_since)}` : 'now';
    return {
      key: 'stale',
      word: 'Stale',
      words: printable(`Not live ${since}: ${view.stale_reason ?? view.reason ?? ''}`)
    };
  }
  return {key: 'unready', word: 'Not ready', words: printable(view.reason ?? '')};
}
