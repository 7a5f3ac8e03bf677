// names.js: names and paths, which are bytes that somebody else has chosen.
//
// In JSON each byte that is not UTF-8 is a lone surrogate, U+DC80 to U+DCFF. Names are shown with
// everything escaped that is invisible, moves the cursor or turns the direction of writing.
// Pure: no document.

const isByte = (code) => code >= 0xdc80 && code <= 0xdcff;
const hex = (code, digits) => code.toString(16).padStart(digits, '0');

function escapeOf(code, first, last) {
  if (isByte(code)) return `\\x${hex(code - 0xdc00, 2)}`;
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) {
    return {9: '\\t', 10: '\\n', 13: '\\r'}[code] ?? `\\x${hex(code, 2)}`;
  }
  if (code === 0x20 && (first || last)) return '\\x20';  // Would not be seen at an end.
  const unseen = code === 0xad || code === 0x61c || code === 0x180e ||
      (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
      (code >= 0x2060 && code <= 0x206f) || code === 0xfeff || (code >= 0xd800 && code <= 0xdfff) ||
      (code >= 0xfff0 && code <= 0xfffb) || code === 0x115f || code === 0x1160 || code === 0x3164 ||
      code === 0xffa0;
  if (unseen) return `\\u${hex(code, 4)}`;
  if (code >= 0xe0000 && code <= 0xe0fff) return `\\u{${hex(code, 5)}}`;
  return null;
}

// [{text, escaped}]: what to show of a name, in order. An escape is a piece of its own.
export function pieces(name) {
  const found = [];
  const points = [...name];
  let plain = '';
  points.forEach((point, i) => {
    const escaped = escapeOf(point.codePointAt(0), i === 0, i === points.length - 1);
    if (escaped === null) {
      plain += point;
      return;
    }
    if (plain) found.push({text: plain, escaped: false});
    plain = '';
    found.push({text: escaped, escaped: true});
  });
  if (plain) found.push({text: plain, escaped: false});
  return found;
}

// The same as one text, for titles and labels.
export const printable = (name) => pieces(name).map((piece) => piece.text).join('');

// Percent-encoded bytes, as queries and fragments take them; slashes stay.
export function encodePath(path) {
  let out = '';
  for (const point of path) {
    const code = point.codePointAt(0);
    if (isByte(code))
      out += `%${hex(code - 0xdc00, 2)}`;
    else if (code >= 0xd800 && code <= 0xdfff)
      out += '%ef%bf%bd';
    else
      out += point === '/' ? '/' : encodeURIComponent(point);
  }
  return out;
}

// How long the UTF-8 sequence at `i` is; 0: none begins there.
function sequence(bytes, i) {
  const lead = bytes[i];
  if (lead < 0x80) return 1;
  const length = lead >= 0xc2 && lead <= 0xdf ? 2 :
      lead >= 0xe0 && lead <= 0xef            ? 3 :
      lead >= 0xf0 && lead <= 0xf4            ? 4 :
                                                0;
  if (length === 0 || i + length > bytes.length) return 0;
  for (let k = 1; k < length; ++k)
    if ((bytes[i + k] & 0xc0) !== 0x80) return 0;
  const second = bytes[i + 1];
  if ((lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f)) return 0;
  if ((lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f)) return 0;
  return length;
}

// Of bytes, the text that JSON would have.
export function fromBytes(bytes) {
  const decoder = new TextDecoder('utf-8', {ignoreBOM: true});
  let out = '';
  let from = 0;
  for (let i = 0; i < bytes.length;) {
    const length = sequence(bytes, i);
    if (length > 0) {
      i += length;
      continue;
    }
    out += decoder.decode(bytes.subarray(from, i)) + String.fromCharCode(0xdc00 + bytes[i]);
    from = ++i;
  }
  return out + decoder.decode(bytes.subarray(from));
}

// encodePath, backwards. A '%' that begins no byte stays.
export function decodePath(text) {
  const bytes = [];
  const utf8 = new TextEncoder();
  for (let i = 0; i < text.length;) {
    const digits = text.slice(i + 1, i + 3);
    if (text[i] === '%' && /^[0-9a-f]{2}$/i.test(digits)) {
      bytes.push(parseInt(digits, 16));
      i += 3;
      continue;
    }
    const point = String.fromCodePoint(text.codePointAt(i));
    bytes.push(...utf8.encode(point));
    i += point.length;
  }
  return fromBytes(Uint8Array.from(bytes));
}

export const join = (path, name) => (path === '/' ? `/${name}` : `${path}/${name}`);
export const parentOf = (path) => path.slice(0, path.lastIndexOf('/')) || '/';
export const nameOf = (path) => path.slice(path.lastIndexOf('/') + 1);
// Whether `path` is `top` or below it.
export const isWithin = (path, top) => top === '/' || path === top || path.startsWith(`${top}/`);
// Of a path below `top`: the path of the child of `top` that leads there.
export function childTowards(top, path) {
  const begin = top === '/' ? 1 : top.length + 1;
  const slash = path.indexOf('/', begin);
  return slash < 0 ? path : path.slice(0, slash);
}

// "#/view/path" and back; null: it names no view.
export const toFragment = (view, path) =>
    `#/${encodeURIComponent(view)}${path === '/' ? '/' : encodePath(path)}`;
export function fromFragment(fragment) {
  const match = /^#\/([^/]+)(\/.*)?$/s.exec(fragment);
  if (!match) return null;
  const path = decodePath(match[2] ?? '/').replace(/\/+/g, '/');
  return {view: decodePath(match[1]), path: path.length > 1 ? path.replace(/\/$/, '') : '/'};
}
