// map.js: the treemap of the directory shown: what its tiles are, what a pointer on them tells.

import {badges, nameOf as nameCell} from './cells.js';
import {allocatedOf, filesOf, isDirectory, largest, modifiedOf, sizeOf} from './directory.js';
import {byId, el} from './dom.js';
import {bytes, percent, plural, time} from './format.js';
import {isWithin, nameOf, parentOf, printable} from './names.js';
import {otherText, Treemap} from './treemap.js';
import {ageOf, AGES, FLAGS, flagsOf, trustOf} from './trust.js';

const INSIDES_MAX = 60;     // Directories whose entries are read to be drawn inside them.
const INSIDES_READ = 5000;  // Of each, at least.
const CHOICES = ['weigh', 'colour'];

export class MapPanel {
  constructor(browse) {
    this.browse = browse;
    this.weigh = 'size';
    this.colour = 'age';
    this.read = 0;  // Directories inside, since the one shown was opened.
    this.treemap = new Treemap(byId('map'), {
      colour: (node) =>
          (this.colour === 'age' ? ageOf(modifiedOf(node), Date.now() / 1000) : trustOf(node)),
      on: {
        hover: (tile, event) => this.tip(tile, event),
        open: (item, tile) => this.openTile(item, tile),
        want: (items) => this.readInsides(items),
      },
    });
    for (const attribute of CHOICES) {
      for (const button of document.querySelectorAll(`[data-${attribute}]`)) {
        button.addEventListener('click', () => {
          this[attribute] = button.dataset[attribute];
          this.render();
        });
      }
    }
  }

  // Colours or sizes have changed, not what there is.
  later() {
    this.treemap.later();
  }

  render() {
    for (const attribute of CHOICES) {
      for (const button of document.querySelectorAll(`[data-${attribute}]`)) {
        button.setAttribute('aria-pressed', button.dataset[attribute] === this[attribute]);
      }
    }
    this.renderLegend();
    if (!this.browse.top) return;
    const weight = this.weigh === 'size' ? sizeOf : allocatedOf;
    const input = (directory) => ({
      items: [...directory.children.values()].map((node) => ({node, value: weight(node)})),
      total: directory.node ? weight(directory.node) : 0,
    });
    this.treemap.set({
      ...input(this.browse.top),
      inside: ({node}) => {
        const directory = this.browse.dirs.get(node.path);
        return directory?.loaded ? input(directory) : null;
      },
    });
    const words = largest(this.browse.top.children.values(), weight, 5)
                      .map((node) => `${printable(nameOf(node.path))} ${bytes(weight(node))}`);
    const path = printable(this.browse.top.path);
    byId('map').setAttribute(
        'aria-label',
        `Treemap of ${path}. Largest: ${
            words.join(', ') || 'nothing'}. The same is in the table below.`);
  }

  renderLegend() {
    if (this.legend === this.colour) return;
    this.legend = this.colour;
    const entries = this.colour === 'age' ?
        [['', 'Modified within:'], ...AGES.map(({key, label}) => [key, label])] :
        [
          ['sound', 'no flag'],
          ...['suspect', 'uncertain', 'missing', 'auditonly'].map((key) => [key, FLAGS[key].label])
        ];
    byId('map-legend').replaceChildren(...entries.map(([key, label]) => {
      const swatch = key ? el('span', {class: 'swatch'}) : null;
      if (swatch) swatch.style.background = `var(--tile-${key})`;
      return el('span', {}, swatch, label);
    }));
  }

  // The largest first, one after the other: what is drawn then says which are wanted next.
  async readInsides(items) {
    this.wantedInside = items.sort((a, b) => b.value - a.value);
    if (this.readingInside) return;
    this.readingInside = true;
    try {
      while (this.read < INSIDES_MAX) {
        const next = this.wantedInside.shift();
        if (!next || !this.browse.top) break;
        const {path} = next.node;
        if (!isWithin(path, this.browse.top.path)) continue;
        const directory = this.browse.directory(path, INSIDES_READ);
        if (directory.loaded || directory.error) continue;
        this.read += 1;
        await directory.read();
      }
    } finally {
      this.readingInside = false;
    }
    this.browse.forgetOthers();
  }

  openTile(item, tile) {
    const inner = tile.depth > 0;
    const path = inner && !isDirectory(item.node) ? parentOf(item.node.path) : item.node.path;
    this.browse.wanted = inner && !isDirectory(item.node) ? item.node.path : null;
    if (path !== this.browse.top.path && (inner || isDirectory(item.node)))
      this.browse.app.navigate(path);
    else {
      this.browse.grid.selectKey(item.node.path, true);
      this.browse.selectNode(item.node);
    }
  }

  tip(tile, event) {
    const tip = byId('tip');
    tip.hidden = !tile;
    if (!tile) return;
    const node = tile.item?.node;
    const whole = this.treemap.input.total;
    tip.replaceChildren(
        el('strong', {}, node ? nameCell(nameOf(node.path)) : otherText(tile.other)),
        el('span', {},
           `${bytes(tile.value)} · ${percent(tile.value, whole)} of ${
               printable(nameOf(this.browse.top.path) || '/')}`),
        node ? el('span', {},
                  `${isDirectory(node) ? `${plural(filesOf(node), 'file')} · newest ` : ''}${
                      time(modifiedOf(node))}`) :
                                         el('span', {}, 'Too small to be drawn, or not read yet'),
        ...(node ? badges(flagsOf(node, this.browse.app.status)) : []));
    const {width, height} = tip.getBoundingClientRect();
    tip.style.left =
        `${Math.max(4, Math.min(event.clientX + 14, window.innerWidth - width - 8))}px`;
    tip.style.top = `${
        event.clientY + 18 + height > window.innerHeight ? event.clientY - height - 10 :
                                                           event.clientY + 18}px`;
  }
}
