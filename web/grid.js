// grid.js: a tree of rows, of which only those in sight are in the document. However many there
// are, scrolling costs the same.
//
// The keyboard is that of a treegrid: arrows, Home, End, Page keys, Enter; the focus stays on the
// grid, which names the row it is at.

import {el} from './dom.js';

const BEYOND = 8;  // Rows drawn above and below what is in sight.

// draw(row) -> cells; on.open(row), on.expand(row), on.collapse(row), on.up(), on.select(row),
// on.reach(row): the row came in sight. A row has: key, level, expandable, expanded, label.
export class Grid {
  constructor(container, {rowHeight, draw, on}) {
    Object.assign(this, {container, rowHeight, draw, on});
    this.rows = [];
    this.at = -1;
    this.drawn = new Map();
    this.body = el('div', {class: 'grid-body', role: 'rowgroup'});
    this.container.append(this.body);
    this.container.addEventListener('scroll', () => this.later(), {passive: true});
    this.container.addEventListener('keydown', (event) => this.key(event));
    this.body.addEventListener('click', (event) => this.click(event));
    this.body.addEventListener('dblclick', (event) => this.click(event, true));
    new ResizeObserver(() => this.later()).observe(this.container);
  }

  get current() {
    return this.rows[this.at] ?? null;
  }

  // Other rows; the one that was current stays it, if it is still there.
  set(rows) {
    const key = this.current?.key;
    this.rows = rows;
    this.at = key === undefined ? -1 : rows.findIndex((row) => row.key === key);
    this.body.style.height = `${rows.length * this.rowHeight}px`;
    this.container.setAttribute('aria-rowcount', rows.length + 1);
    this.stale = true;
    this.later();
  }

  top() {
    this.container.scrollTop = 0;
  }

  // All rows are drawn anew: what they show has changed, not which they are.
  refresh() {
    this.stale = true;
    this.later();
  }

  later() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.render();
    });
  }

  render() {
    const top = Math.max(0, this.container.scrollTop - this.body.offsetTop);
    const first = Math.max(0, Math.floor(top / this.rowHeight) - BEYOND);
    const last = Math.min(
        this.rows.length, Math.ceil((top + this.container.clientHeight) / this.rowHeight) + BEYOND);
    if (this.stale) {
      this.body.replaceChildren();
      this.drawn.clear();
      this.stale = false;
    }
    for (const [i, node] of this.drawn) {
      if (i >= first && i < last) continue;
      node.remove();
      this.drawn.delete(i);
    }
    for (let i = first; i < last; ++i) {
      if (!this.drawn.has(i)) this.drawRow(i);
      this.on.reach?.(this.rows[i]);
    }
    this.mark();
  }

  drawRow(i) {
    const row = this.rows[i];
    const node =
        el('div', {
          class: `row ${row.class ?? ''}`,
          role: 'row',
          id: `row-${i}`,
          aria: {
            level: row.level,
            rowindex: i + 2,
            ...(row.expandable ? {expanded: row.expanded} : {})
          },
        },
           this.draw(row));
    node.style.transform = `translateY(${i * this.rowHeight}px)`;
    node.dataset.index = i;
    this.body.append(node);
    this.drawn.set(i, node);
  }

  mark() {
    for (const [i, node] of this.drawn) {
      node.classList.toggle('current', i === this.at);
      node.setAttribute('aria-selected', i === this.at);
    }
    if (this.at >= 0 && this.drawn.has(this.at))
      this.container.setAttribute('aria-activedescendant', `row-${this.at}`);
    else
      this.container.removeAttribute('aria-activedescendant');
  }

  select(i, quietly = false) {
    if (i < 0 || i >= this.rows.length) return;
    this.at = i;
    const head = this.body.offsetTop;
    const top = i * this.rowHeight;
    const room = this.container.clientHeight - head - this.rowHeight;
    if (top < this.container.scrollTop)
      this.container.scrollTop = top;
    else if (top > this.container.scrollTop + room)
      this.container.scrollTop = top - room;
    this.render();
    if (!quietly) this.on.select(this.rows[i]);
  }

  selectKey(key, quietly) {
    this.select(this.rows.findIndex((row) => row.key === key), quietly);
  }

  click(event, twice = false) {
    const node = event.target.closest('.row');
    if (!node) return;
    const row = this.rows[Number(node.dataset.index)];
    if (!row) return;
    if (twice) {
      if (!event.target.closest('.twist')) this.on.open(row);
    } else if (event.target.closest('.twist') && row.expandable) {
      this.toggle(row);
    } else if (event.target.closest('.enter')) {
      event.preventDefault();
      this.on.open(row);
    } else {
      this.select(Number(node.dataset.index));
    }
  }

  toggle(row) {
    if (row.expanded)
      this.on.collapse(row);
    else
      this.on.expand(row);
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest('button')) return;
    const page = Math.max(1, Math.floor(this.container.clientHeight / this.rowHeight) - 2);
    const row = this.current;
    const moves = {
      ArrowDown: () => this.select(Math.min(this.at + 1, this.rows.length - 1)),
      ArrowUp: () => this.select(Math.max(this.at - 1, 0)),
      PageDown: () => this.select(Math.min(this.at + page, this.rows.length - 1)),
      PageUp: () => this.select(Math.max(this.at - page, 0)),
      Home: () => this.select(0),
      End: () => this.select(this.rows.length - 1),
      Enter: () => row && this.on.open(row),
      ' ': () => row?.expandable && this.toggle(row),
      ArrowRight: () => this.right(row),
      ArrowLeft: () => this.left(row),
      Backspace: () => this.on.up(),
      Escape: () => this.on.escape(),
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  }

  right(row) {
    if (!row?.expandable) return;
    if (!row.expanded)
      this.on.expand(row);
    else
      this.select(this.at + 1);
  }

  left(row) {
    if (row?.expandable && row.expanded)
      this.on.collapse(row);
    else if (row && row.level > 1) {
      let i = this.at;
      while (i >= 0 && this.rows[i].level >= row.level) --i;
      this.select(i);
    } else
      this.on.up();
  }
}
