// treemap.js: where the bytes of a directory are: its entries as tiles, and theirs inside them.

import {isDirectory} from './directory.js';
import {nameOf, printable} from './names.js';
import {choose, squarify} from './squarify.js';

const LEAST_AREA = 30;        // Square pixels of a tile; less is "other".
const INNER_AREA_MIN = 3600;  // Of a directory whose entries are shown inside.
const DEPTH_MAX = 3;          // Of directories inside directories.
const TITLE_HEIGHT = 18;
const FONT = '12px system-ui, sans-serif';

// Tiles for this rectangle: [{x, y, w, h, depth, item | other, value}], parents before what is in
// them. Directories are opened where there is room. `inside(item)` gives {items, total} of a
// directory, or null when it is not known. item: {value, node}. Pure.
export function arrange({items, total}, rectangle, inside) {
  const {tiles, other} = choose(items, total, rectangle.w * rectangle.h, LEAST_AREA);
  // What is left has its place in the order of values, or squares would be no squares.
  const entries = tiles.map((item) => ({item, value: item.value}));
  if (other.value > 0) {
    entries.push({other, value: other.value});
    entries.sort((a, b) => b.value - a.value);
  }
  const places = squarify(entries.map((entry) => entry.value), rectangle);
  const all = [];
  entries.forEach((entry, i) => {
    const tile = {...entry, ...places[i], depth: rectangle.depth ?? 0};
    all.push(tile);
    if (!entry.item || tile.depth >= DEPTH_MAX || !isDirectory(entry.item.node)) return;
    if (tile.w * tile.h < INNER_AREA_MIN || tile.h < TITLE_HEIGHT + 24 || tile.w < 36) return;
    tile.titled = true;
    const known = inside?.(entry.item);
    if (!known) {
      tile.wants = true;
      return;
    }
    const room = {
      x: tile.x + 2,
      y: tile.y + TITLE_HEIGHT,
      w: tile.w - 4,
      h: tile.h - TITLE_HEIGHT - 2,
      depth: tile.depth + 1
    };
    all.push(...arrange(known, room, inside));
  });
  return all;
}

const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);

// Black or white, whichever is easier to read on "#rrggbb".
export function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => channel(parseInt(colour.slice(at, at + 2), 16) / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.19 ? '#10151b' : '#ffffff';
}

// on.hover(tile | null, event), on.open(item), on.select(item), on.want(items): whose insides are
// missing.
export class Treemap {
  constructor(canvas, {colour, on}) {
    Object.assign(this, {canvas, colour, on});
    this.tiles = [];
    this.hovered = null;
    this.selected = null;
    this.input = null;
    new ResizeObserver(() => this.later()).observe(canvas);
    canvas.addEventListener('pointermove', (event) => this.hover(event));
    canvas.addEventListener('pointerleave', () => this.setHovered(null));
    canvas.addEventListener('click', (event) => {
      const tile = this.find(event);
      if (tile?.item) this.on.open(tile.item, tile);
    });
  }

  // input: {items, total, inside}
  set(input) {
    this.input = input;
    this.later();
  }

  later() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.layOut();
    });
  }

  layOut() {
    const {clientWidth: w, clientHeight: h} = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(w * ratio) ||
        this.canvas.height !== Math.round(h * ratio)) {
      this.canvas.width = Math.round(w * ratio);
      this.canvas.height = Math.round(h * ratio);
    }
    this.tiles = this.input && w > 0 && h > 0 ?
        arrange(this.input, {x: 0, y: 0, w, h}, this.input.inside) :
        [];
    this.hovered = null;
    this.paint();
    const wanted = this.tiles.filter((tile) => tile.wants).map((tile) => tile.item);
    if (wanted.length) this.on.want(wanted);
  }

  paint() {
    const context = this.canvas.getContext('2d');
    const ratio = window.devicePixelRatio || 1;
    const style = getComputedStyle(this.canvas);
    const colours = new Map();
    const of = (key) => {
      if (!colours.has(key)) colours.set(key, style.getPropertyValue(`--tile-${key}`).trim());
      return colours.get(key);
    };
    const look = {
      of,
      other: of('other'),
      frame: of('frame'),
      ink: style.getPropertyValue('--ink').trim(),
      mark: style.getPropertyValue('--accent').trim(),
    };
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    context.font = FONT;
    context.textBaseline = 'middle';
    for (const tile of this.tiles) this.paintTile(context, tile, look);
    const tile = this.hovered;
    if (!tile) return;
    context.strokeStyle = look.mark;
    context.lineWidth = 2;
    context.strokeRect(tile.x + 1, tile.y + 1, Math.max(0, tile.w - 2), Math.max(0, tile.h - 2));
  }

  paintTile(context, tile, look) {
    const {x, y, w, h} = tile;
    const inset = w > 4 && h > 4 ? 0.5 : 0;
    const framed = tile.titled && !tile.wants;
    const key = tile.item ? this.colour(tile.item.node) : null;
    const fill = framed ? (tile.depth % 2 ? look.of('frame-2') : look.frame) :
        key             ? look.of(key) :
                          look.other;
    context.fillStyle = fill;
    context.fillRect(
        x + inset, y + inset, Math.max(0.5, w - 2 * inset), Math.max(0.5, h - 2 * inset));
    if (key && ['uncertain', 'auditonly', 'missing'].includes(key) && !framed)
      this.hatch(context, tile, key);
    if (w < 42 || h < 15) return;
    const text = tile.item ? printable(nameOf(tile.item.node.path)) : otherText(tile.other);
    context.save();
    context.beginPath();
    context.rect(x + 3, y, w - 6, h);
    context.clip();
    context.fillStyle = framed ? look.ink : tile.other ? look.ink : inkOn(fill);
    context.fillText(fit(context, text, w - 10), x + 5, y + Math.min(TITLE_HEIGHT / 2 + 1, h / 2));
    context.restore();
  }

  // A second sign beside the colour.
  hatch(context, {x, y, w, h}, key) {
    if (w < 8 || h < 8) return;
    context.save();
    context.beginPath();
    context.rect(x + 1, y + 1, w - 2, h - 2);
    context.clip();
    context.strokeStyle = 'rgba(255, 255, 255, 0.35)';
    context.lineWidth = 1;
    context.beginPath();
    const step = key === 'missing' ? 5 : 9;
    const down = key === 'auditonly';
    for (let d = -h; d < w; d += step) {
      context.moveTo(x + d, down ? y : y + h);
      context.lineTo(x + d + h, down ? y + h : y);
    }
    context.stroke();
    context.restore();
  }

  find(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    let found = null;
    for (const tile of this.tiles) {
      if (x >= tile.x && x < tile.x + tile.w && y >= tile.y && y < tile.y + tile.h) found = tile;
    }
    return found;
  }

  hover(event) {
    this.setHovered(this.find(event), event);
  }

  setHovered(tile, event) {
    if (tile !== this.hovered) {
      this.hovered = tile;
      this.paint();
    }
    this.canvas.style.cursor = tile?.item ? 'pointer' : 'default';
    this.on.hover(tile, event);
  }
}

export const otherText = (other) =>
    (other.count > 0 ? `${other.count.toLocaleString('en-US')} other` : 'other');

// As much of the text as has room.
function fit(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let low = 0;
  let high = Math.min(text.length, 200);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= room)
      low = middle;
    else
      high = middle - 1;
  }
  return low > 1 ? `${text.slice(0, low)}…` : '';
}
