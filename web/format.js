// format.js: numbers, sizes and times as people read them. Pure: no document, no clock.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB'];

// 1536 -> "1.5 KiB"
export function bytes(size) {
  if (!Number.isFinite(size)) return '–';
  let value = Math.abs(size);
  let unit = 0;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    ++unit;
  }
  const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${size < 0 ? '−' : ''}${value.toFixed(digits)} ${UNITS[unit]}`;
}

// 1234567 -> "1,234,567"
export function count(number) {
  return Number.isFinite(number) ? Math.round(number).toLocaleString('en-US') : '–';
}

// 1234567 -> "1.23 M": where there is little room.
export function shortCount(number) {
  if (!Number.isFinite(number)) return '–';
  if (Math.abs(number) < 10_000) return count(number);
  let value = number;
  for (const unit of ['k', 'M', 'G']) {
    value /= 1000;
    if (Math.abs(value) < 999.5 || unit === 'G') return `${value.toPrecision(3)} ${unit}`;
  }
  return count(number);
}

// One "file", two "files".
export const plural = (number, one, many = `${one}s`) =>
    `${count(number)} ${number === 1 ? one : many}`;

// 0.123 -> "12 %"
export function percent(part, whole) {
  if (!(whole > 0)) return '0 %';
  const share = (100 * part) / whole;
  if (share > 0 && share < 0.1) return '< 0.1 %';
  return `${share < 9.95 && share > 0 ? share.toFixed(1) : share.toFixed(0)} %`;
}

const STEPS = [
  [60, 1, 's'],
  [3600, 60, 'min'],
  [86400, 3600, 'h'],
  [31 * 86400, 86400, 'd'],
  [365.25 * 86400, 30.44 * 86400, 'mo'],
  [Infinity, 365.25 * 86400, 'y'],
];

// Seconds -> "40 s", "3 h", "2.5 y". Never negative.
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return '–';
  const span = Math.max(0, seconds);
  const [, unit, name] = STEPS.find(([end]) => span < end);
  const value = span / unit;
  return `${name === 'y' && value < 9.95 ? value.toFixed(1) : Math.floor(value)} ${name}`;
}

// How long ago; what is later than now is said to be.
export function age(time, now) {
  if (!Number.isFinite(time)) return '–';
  const span = now - time;
  if (span < -60) return `in ${duration(-span)}`;
  return span < 1 ? 'now' : duration(span);
}

const two = (number) => String(number).padStart(2, '0');

// Seconds since 1970 -> "2026-11-22 04:31:07", in the time zone of who looks.
export function time(seconds) {
  if (!Number.isFinite(seconds)) return '–';
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `@${seconds}`;
  const year = date.getFullYear();
  const day = `${year < 0 ? '−' : ''}${String(Math.abs(year)).padStart(4, '0')}-${
      two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export const clock = (seconds) => time(seconds).slice(-8);

// st_mode -> "drwxr-xr-x"
export function mode(bits) {
  const kind = {
    0o4: 'd',
    0o10: '-',
    0o12: 'l',
    0o1: 'p',
    0o14: 's',
    0o2: 'c',
    0o6: 'b'
  }[(bits >> 12) & 0o17] ??
      '?';
  const three = (shift, special, letter) => {
    const x = bits & (1 << shift);
    const last = bits & special ? (x ? letter : letter.toUpperCase()) : x ? 'x' : '-';
    return (bits & (4 << shift) ? 'r' : '-') + (bits & (2 << shift) ? 'w' : '-') + last;
  };
  return kind + three(6, 0o4000, 's') + three(3, 0o2000, 's') + three(0, 0o1000, 't');
}
