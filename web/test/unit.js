// Tests of the modules that need no document: any browser that opens index.html here runs them.
// e2e/test_page.py does; window.failures tells when they have ended.

import {mayBeKey, queryOf} from '../api.js';
import {Directory, largest, sorted} from '../directory.js';
import {backOff, EventParser, Feed} from '../events.js';
import * as format from '../format.js';
import * as names from '../names.js';
import {sizeClasses} from '../space.js';
import {choose, squarify} from '../squarify.js';
import {arrange, inkOn} from '../treemap.js';
import {ageOf, AGES, flagsOf, stateOf, uncertainSince} from '../trust.js';

const failures = [];
let passed = 0;
let here = '';

function same(found, expected, what = '') {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a === b)
    passed += 1;
  else
    failures.push(`${here}: ${what} ${a} is not ${b}`);
}
const holds = (condition, what) => same(Boolean(condition), true, what);
const near = (found, expected, what) => holds(
    Math.abs(found - expected) <= 1e-6 * Math.max(1, Math.abs(expected)),
    `${what}: ${found}, ${expected}`);

// mulberry32: the same numbers for the same seed.
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const tests = {
  'names are shown with what cannot be seen escaped'() {
    const cases = [
      ['plain.txt', 'plain.txt'],
      ['<b>&amp;', '<b>&amp;'],
      ['a\udcff\udc80', 'a\\xff\\x80'],
      ['a\u202egpj.exe', 'a\\u202egpj.exe'],
      ['\u001b[31m', '\\x1b[31m'],
      ['a\nb\tc\r', 'a\\nb\\tc\\r'],
      [' a ', '\\x20a\\x20'],
      [' ', '\\x20'],
      ['a b', 'a b'],
      ['\u0085', '\\x85'],
      ['x\u200by\ufeff', 'x\\u200by\\ufeff'],
      ['日本語', '日本語'],
      ['é', 'é'],
      ['😀', '😀'],
      ['\u{e0041}', '\\u{e0041}'],
      ['', ''],
      ['\u2066x\u2069', '\\u2066x\\u2069'],
      ['\u{1f600}\udcfe', '\u{1f600}\\xfe'],
    ];
    for (const [name, shown] of cases) same(names.printable(name), shown);
    same(
        names.pieces('a\udcffb'),
        [{text: 'a', escaped: false}, {text: '\\xff', escaped: true}, {text: 'b', escaped: false}]);
  },

  'paths go through a fragment and come back'() {
    for (const path
             of ['/', '/a', '/a b/c', '/%41', '/#x?y&z', '/a\udcff\udc80/b', '/日本/😀',
                 '/\u0001\u007f', '/a\\b', '/"\'<>`', '/..', '/+']) {
      same(names.fromFragment(names.toFragment('a view:p/1', path)), {view: 'a view:p/1', path});
      same(names.decodePath(names.encodePath(path)), path);
      holds(/^[!-~]*$/.test(names.encodePath(path)), 'only ASCII');
    }
    same(names.encodePath('/\udcff'), '/%ff');
    same(names.fromFragment('#/v'), {view: 'v', path: '/'});
    same(names.fromFragment('#/v//a//b/'), {view: 'v', path: '/a/b'});
    for (const nothing of ['', '#', '#/', '#key=x', '#v/a'])
      same(names.fromFragment(nothing), null, nothing);
    same(names.decodePath('%zz%4'), '%zz%4');
  },

  'bytes become text as JSON has them'() {
    const cases = [
      [[0x61], 'a'],
      [[0xc3, 0xa9], 'é'],
      [[0xe2, 0x82, 0xac], '€'],
      [[0xf0, 0x9f, 0x98, 0x80], '😀'],
      [[0xff], '\udcff'],
      [[0xc3], '\udcc3'],
      [[0xe2, 0x82], '\udce2\udc82'],
      [[0xc0, 0x80], '\udcc0\udc80'],
      [[0xed, 0xa0, 0x80], '\udced\udca0\udc80'],
      [[0xf4, 0x90, 0x80, 0x80], '\udcf4\udc90\udc80\udc80'],
      [[0xe0, 0x80, 0xaf], '\udce0\udc80\udcaf'],
      [[0x61, 0xff, 0xc3, 0xa9], 'a\udcffé'],
      [[0xef, 0xbb, 0xbf, 0x61], '\ufeffa'],
      [[0xf0, 0x8f, 0xbf, 0xbf], '\udcf0\udc8f\udcbf\udcbf'],
    ];
    for (const [bytes, text] of cases) same(names.fromBytes(Uint8Array.from(bytes)), text);
    const next = random(7);
    for (let i = 0; i < 2000; ++i) {
      const bytes = Uint8Array.from(
          {length: Math.floor(next() * 12)},
          () => (next() < 0.5 ? 0x7f + next() * 0x81 : 1 + next() * 0x7e));
      const text = names.fromBytes(bytes);
      const back = decodeBytes(names.encodePath(text));
      same(back, [...bytes]);
    }
  },

  'paths know where they are'() {
    same(['/', '/a', '/a/b'].map(names.parentOf), ['/', '/', '/a']);
    same(['/', '/a', '/a/b'].map(names.nameOf), ['', 'a', 'b']);
    same([names.join('/', 'a'), names.join('/a', 'b')], ['/a', '/a/b']);
    same(
        [['/ab', '/a'], ['/a/b', '/a'], ['/a', '/a'], ['/x', '/']].map(
            ([path, top]) => names.isWithin(path, top)),
        [false, true, true, true]);
    same(
        [
          names.childTowards('/', '/a/b/c'), names.childTowards('/a', '/a/b/c'),
          names.childTowards('/a', '/a/b')
        ],
        ['/a', '/a/b', '/a/b']);
  },

  'sizes and counts'() {
    const sizes = [
      [0, '0 B'], [1023, '1023 B'], [1024, '1.00 KiB'], [1536, '1.50 KiB'], [10 * 1024, '10.0 KiB'],
      [1048575, '1.00 MiB'], [123456789, '118 MiB'], [5e15, '4.44 PiB'], [NaN, '–'],
      [undefined, '–'], [-2048, '−2.00 KiB']
    ];
    for (const [size, text] of sizes) same(format.bytes(size), text);
    same(
        [format.count(1234567), format.count(0), format.count(undefined)], ['1,234,567', '0', '–']);
    same(
        [999, 9999, 10000, 99990, 1234567, 999600, 5e9].map(format.shortCount),
        ['999', '9,999', '10.0 k', '100 k', '1.23 M', '1.00 M', '5.00 G']);
    same(
        [
          format.percent(1, 3), format.percent(0, 3), format.percent(1, 0), format.percent(1, 1e9),
          format.percent(2, 2)
        ],
        ['33 %', '0 %', '0 %', '< 0.1 %', '100 %']);
    same(
        [format.plural(1, 'file'), format.plural(2, 'directory', 'directories')],
        ['1 file', '2 directories']);
  },

  'times and ages'() {
    same(
        [0, 59, 60, 3599, 3600, 86399, 86400, 40 * 86400, 366 * 86400, 20 * 365.25 * 86400].map(
            format.duration),
        ['0 s', '59 s', '1 min', '59 min', '1 h', '23 h', '1 d', '1 mo', '1.0 y', '20 y']);
    same(
        [format.age(100, 100), format.age(100, 150), format.age(1000, 0), format.age(undefined, 0)],
        ['now', '50 s', 'in 16 min', '–']);
    holds(/^2001-09-0[89] \d\d:\d\d:40$/.test(format.time(1000000000)), format.time(1e9));
    same([format.time(1e300), format.time(NaN)], ['@1e+300', '–']);
    holds(format.time(-62170000000).startsWith('−'), 'before the year 0');
    same(
        [0o100644, 0o40755, 0o120777, 0o104755, 0o41777, 0o102644].map(format.mode),
        ['-rw-r--r--', 'drwxr-xr-x', 'lrwxrwxrwx', '-rwsr-xr-x', 'drwxrwxrwt', '-rw-r-Sr--']);
  },

  'a rectangle is divided without gaps'() {
    for (let seed = 1; seed <= 60; ++seed) {
      const next = random(seed);
      const box = {x: next() * 50, y: next() * 50, w: 20 + next() * 900, h: 20 + next() * 500};
      const values =
          Array.from({length: 1 + Math.floor(next() * 300)}, () => next() ** 6 * 1e12 + 1)
              .sort((a, b) => b - a);
      const all = values.reduce((sum, value) => sum + value, 0);
      const places = squarify(values, box);
      same(places.length, values.length);
      let area = 0;
      places.forEach((place, i) => {
        area += place.w * place.h;
        near(place.w * place.h, (values[i] / all) * box.w * box.h, `seed ${seed}, area of ${i}`);
        holds(
            place.x >= box.x - 1e-6 && place.y >= box.y - 1e-6 &&
                place.x + place.w <= box.x + box.w + 1e-6 &&
                place.y + place.h <= box.y + box.h + 1e-6,
            `seed ${seed}: ${i} is inside`);
      });
      near(area, box.w * box.h, `seed ${seed}, all areas`);
      for (let k = 0; k < 200; ++k) {  // No point lies in two.
        const [x, y] = [box.x + next() * box.w, box.y + next() * box.h];
        const in_it = places.filter(
            (p) =>
                x > p.x + 1e-6 && x < p.x + p.w - 1e-6 && y > p.y + 1e-6 && y < p.y + p.h - 1e-6);
        holds(in_it.length <= 1, `seed ${seed}: ${in_it.length} tiles at a point`);
      }
    }
    same(squarify([], {x: 0, y: 0, w: 9, h: 9}), []);
    same(squarify([1], {x: 0, y: 0, w: 0, h: 9}), [{x: 0, y: 0, w: 0, h: 0}]);
    const even = squarify(Array(16).fill(1), {x: 0, y: 0, w: 400, h: 400});
    holds(even.every((p) => Math.abs(p.w - p.h) < 1e-6), 'equal values in a square are squares');
  },

  'nothing is left out of a treemap'() {
    for (let seed = 1; seed <= 40; ++seed) {
      const next = random(seed);
      const items = Array.from(
          {length: Math.floor(next() * 3000)},
          () => ({value: next() < 0.1 ? 0 : Math.floor(next() ** 9 * 1e9)}));
      const known = items.reduce((sum, item) => sum + item.value, 0);
      const total = Math.floor(known * (next() < 0.5 ? 1.7 : 0.9));
      const {tiles, other, whole} = choose(items, total, 900 * 200, 30);
      near(tiles.reduce((sum, tile) => sum + tile.value, 0) + other.value, whole, `seed ${seed}`);
      same(whole, Math.max(known, total));
      same(tiles.length + other.count, items.length);
      holds(
          tiles.every((tile) => tile.value * 900 * 200 >= 30 * whole * 0.999999),
          'no tile is too small');
    }
  },

  'directories are shown with what is in them'() {
    const directory = (path, size) =>
        ({value: size, node: {path, content_type: 'directory', totals: {total_size: size}}});
    const file = (path, size) => ({value: size, node: {path, content_type: 'file', size}});
    const inside = ({node}) =>
        (node.path === '/a' ? {items: [file('/a/x', 300), file('/a/y', 200)], total: 600} : null);
    const tiles = arrange(
        {items: [directory('/a', 600), directory('/b', 300), file('/c', 100)], total: 1000},
        {x: 0, y: 0, w: 600, h: 400}, inside);
    const outer = tiles.filter((tile) => tile.depth === 0);
    same(outer.map((tile) => tile.item.node.path), ['/a', '/b', '/c']);
    near(outer.reduce((sum, tile) => sum + tile.w * tile.h, 0), 600 * 400, 'the whole');
    same(tiles.filter((tile) => tile.wants).map((tile) => tile.item.node.path), ['/b']);
    const inner = tiles.filter((tile) => tile.depth === 1);
    same(
        inner.map((tile) => tile.item?.node.path ?? tile.other),
        ['/a/x', '/a/y', {value: 100, count: 0}]);
    same(
        [inkOn('#ffffff'), inkOn('#000000'), inkOn('#0d4f80'), inkOn('#d9c88f')],
        ['#10151b', '#ffffff', '#ffffff', '#10151b']);
  },

  'events come in whatever portions'() {
    const text =
        'retry: 1000\nevent: start\ndata: {"revision":17}\nid: 17-a\n\n: heartbeat\nid: 18-a\n\nevent: moved\r\ndata: 1\r\ndata: 2\r\n\r\n';
    const expected = [
      {event: 'start', data: '{"revision":17}', id: '17-a'},
      {event: 'message', data: '', id: '18-a'}, {event: 'moved', data: '1\n2'}
    ];
    for (let cut = 1; cut <= text.length; ++cut) {
      const seen = [];
      const parser = new EventParser((event) => seen.push(event));
      for (let at = 0; at < text.length; at += cut) parser.feed(text.slice(at, at + cut));
      same(seen, expected, `portions of ${cut}`);
    }
    let refused = false;
    try {
      const parser = new EventParser(() => {});
      for (let i = 0; i < 10; ++i) parser.feed('x'.repeat(1 << 20));
    } catch {
      refused = true;
    }
    holds(refused, 'a line without end');
    same([1, 2, 5, 6, 99].map((attempt) => backOff(attempt, 1)), [1000, 2000, 16000, 30000, 30000]);
    same(backOff(1, 0), 500);
  },

  'questions and keys'() {
    same(
        queryOf({path: '/a b\udcff', limit: 5, cursor: null, x: undefined, totals: true}),
        '?path=/a%20b%ff&limit=5&totals=true');
    same(queryOf({}), '');
    same(
        ['k', 'a.b-c_d', '', 'a b', 'ä', 'a\n', 'x'.repeat(5000)].map(mayBeKey),
        [true, true, false, false, false, false, false]);
  },

  'trust in words'() {
    const view = {uncertain: [{path: '/d', since: 100}, {path: '/d/e', since: 50}]};
    same(
        [
          uncertainSince('/d/x', view), uncertainSince('/d/e/f', view), uncertainSince('/', view),
          uncertainSince('/x', view)
        ],
        [100, 50, 50, null]);
    const flags = flagsOf(
        {
          path: '/d/x',
          uncertain: true,
          integrity_suspect: true,
          audit_skipped: true,
          agent_missing: true,
          audit_only: true
        },
        view);
    same(
        flags.map((flag) => flag.key), ['uncertain', 'suspect', 'missing', 'auditonly', 'skipped']);
    holds(flags[0].label.startsWith('uncertain since '), 'since when');
    holds(flags.every((flag) => flag.why.length > 20), 'each is explained');
    same(flagsOf({path: '/x'}, view), []);
    same(
        AGES.map((age, i) => ageOf(1e9 - (i === 0 ? 0 : AGES[i - 1].below), 1e9)),
        AGES.map((age) => age.key));
    same(ageOf(2e9, 1e9), 'day');
    same(
        [
          stateOf({ready: true}).key, stateOf({ready: false, freshness: 'stale'}).key,
          stateOf({ready: false, freshness: 'stale', reason: 'x'}, true).key,
          stateOf({ready: false, freshness: 'none', reason: 'why'}).words
        ],
        ['ready', 'stale', 'unready', 'why']);
  },

  'powers of two become classes for eyes'() {
    const group = (size, files) => (
        {group: {size}, file_count: files, total_size: files * size, allocated_size: files * 4096});
    const classes =
        sizeClasses([group(0, 3), group(1, 2), group(2048, 5), group(4096, 1), group(2 ** 40, 7)]);
    same(classes.map(({label, sums, query}) => [label, sums.file_count, query]), [
      ['empty', 3, 'size_min=0&size_max=0'], ['to 4 KiB', 7, 'size_min=1&size_max=4095'],
      ['to 64 KiB', 1, 'size_min=4096&size_max=65535'], ['larger', 7, 'size_min=4294967296']
    ]);
    same(classes[1].sums, {file_count: 7, total_size: 2 + 5 * 2048, allocated_size: 7 * 4096});
    same(sizeClasses([]), []);
  },

  'orders'() {
    const nodes = [
      {path: '/a', size: 3},
      {path: '/b', content_type: 'directory', size: 1, totals: {total_size: 9, file_count: 4}},
      {path: '/c', size: 3}
    ];
    const by = (order) => sorted(nodes, order).map((node) => node.path).join('');
    same(
        [
          by({by: 'name', up: true}), by({by: 'name', up: false}), by({by: 'size', up: false}),
          by({by: 'size', up: true})
        ],
        ['/a/b/c', '/c/b/a', '/b/a/c', '/a/c/b']);
    const next = random(3);
    const many =
        Array.from({length: 500}, (_, i) => ({path: `/${i}`, size: Math.floor(next() * 100)}));
    same(
        largest(many, (node) => node.size, 7).map((node) => node.size),
        sorted(many, {by: 'size', up: false}).slice(0, 7).map((node) => node.size));
    same(largest([], () => 1, 3), []);
  },
};

// A Fusion whose streams the test writes: what was asked, and what is told.
function scriptedApi() {
  const api = {asked: [], tell: null, cut: null};
  api.open = async (route, {headers, signal}) => {
    api.asked.push(headers['Last-Event-ID'] ?? null);
    const body = new ReadableStream({
      start(controller) {
        const bytes = new TextEncoder();
        api.tell = (text) => controller.enqueue(bytes.encode(text));
        api.cut = () => controller.close();
        signal.addEventListener(
            'abort', () => controller.error(new DOMException('', 'AbortError')));
      }
    });
    return new Response(body);
  };
  return api;
}

const later = () => new Promise((resolve) => {
  setTimeout(resolve, 0);
});
async function until(condition, what) {
  const end = performance.now() + 5000;
  while (!condition() && performance.now() < end) await later();
  holds(condition(), what);
}

async function feedGoesOn() {
  here = 'a feed goes on where it was';
  const api = scriptedApi();
  const seen = [];
  const feed = new Feed(api, 'v', {
    change: (told) => seen.push(told.kind),
    reset: (why) => seen.push(`reset: ${why}`),
    state: (state) => seen.push(state),
  });
  const start = (position, resumed) => api.tell(
      `event: start\ndata: {"position":"${position}","resumed":${resumed}}\nid: ${position}\n\n`);
  const took = async (...expected) => {
    await until(() => seen.length >= expected.length, `${seen} for ${expected}`);
    same(seen.splice(0), expected);
  };
  const done = feed.run();
  await until(() => api.asked.length === 1, 'the first connection');
  start('5-a', false);
  api.tell('event: created\ndata: {"kind":"created"}\nid: 6-a\n\n');
  await took('connecting', 'live', 'created');
  api.cut();
  await took('waiting');
  feed.wake();
  await until(() => api.asked.length === 2, 'the second connection');
  start('6-a', true);
  await took('connecting', 'live');
  feed.rest();
  await took('resting');
  await later();
  same(api.asked.length, 2, 'connections while resting');
  feed.wake();
  await until(() => api.asked.length === 3, 'the third connection');
  start('9-b', false);
  await took('connecting', 'live', 'reset: the connection was lost');
  api.tell('event: reset\ndata: {"reason":"too slow"}\nid: 11-b\n\n');
  await took('live', 'reset: too slow');
  same(api.asked, [null, '6-a', '6-a']);
  feed.stop();
  await done;
  same(seen, []);
}

async function allReadersOfADirectoryWait() {
  here = 'who asks for a directory that is being read waits for it';
  const answers = [];
  const api = {
    view: () => new Promise((resolve) => {
      answers.push(resolve);
    })
  };
  const directory = new Directory(api, 'v', '/d', () => {});
  const seen = [];
  const first = directory.read().then(() => seen.push('first'));
  const second = directory.read().then(() => seen.push(`second: ${directory.node?.path}`));
  await Promise.resolve();
  same(seen, []);
  answers[0]({path: '/d', children: [{path: '/d/x'}], next: null});
  await Promise.all([first, second]);
  same(seen, ['first', 'second: /d']);
  same(answers.length, 1);
}

function decodeBytes(encoded) {
  const bytes = [];
  for (let i = 0; i < encoded.length; ++i) {
    if (encoded[i] === '%') {
      bytes.push(parseInt(encoded.slice(i + 1, i + 3), 16));
      i += 2;
    } else
      bytes.push(encoded.charCodeAt(i));
  }
  return bytes;
}

for (const [name, test] of Object.entries(tests)) {
  here = name;
  try {
    test();
  } catch (error) {
    failures.push(`${name}: ${error.stack}`);
  }
}
for (const test of [feedGoesOn, allReadersOfADirectoryWait]) {
  try {
    await test();
  } catch (error) {
    failures.push(`${here}: ${error.stack}`);
  }
}
window.passed = passed;
window.failures = failures;
document.getElementById('results').textContent =
    failures.length ? failures.join('\n') : `${passed} checks passed`;
