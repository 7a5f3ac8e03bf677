// cells.js: how names, flags and shares look, wherever they stand.

import {el} from './dom.js';
import {percent} from './format.js';
import {pieces} from './names.js';

// The pieces of a name as elements; nothing of it is markup, and its direction of writing stays its
// own.
export function nameOf(name) {
  return el(
      'bdi', {class: 'name'},
      pieces(name).map(
          ({text, escaped}) => (escaped ? el('span', {class: 'escape'}, text) : text)));
}

export function badges(flags) {
  return flags.map(({key, label, why}) => el('span', {class: `badge ${key}`, title: why}, label));
}

// A bar of part / whole, with the number for who cannot see it.
export function bar(part, whole) {
  const fill = el('span', {class: 'bar-fill'});
  fill.style.width = `${whole > 0 ? Math.min(100, (100 * part) / whole) : 0}%`;
  return el(
      'span',
      {class: 'bar', title: `${percent(part, whole)} of the directory`, aria: {hidden: 'true'}},
      fill);
}

// A bar without words: they stand beside it.
export function share(part, whole) {
  const made = bar(part, whole);
  made.removeAttribute('title');
  return made;
}

export function progress(percentage) {
  const fill = el('span', {class: 'bar-fill'});
  const value = Math.max(0, Math.min(100, percentage));
  fill.style.width = `${value}%`;
  return el(
      'span', {
        class: 'bar wide',
        role: 'progressbar',
        aria: {valuenow: Math.round(value), valuemin: 0, valuemax: 100},
      },
      fill);
}
