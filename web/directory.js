// directory.js: what is in a directory, read page by page, and kept right by the change feed.

import {nameOf, parentOf} from './names.js';

const FIRST_PAGE = 500;
const NEXT_PAGE = 10_000;
// So many are read without being asked for; then somebody has to want more.
export const READ_BY_ITSELF = 100_000;

// What an entry weighs, with all that is below it.
export const sizeOf = (node) => node.totals?.total_size ?? node.size ?? 0;
export const allocatedOf = (node) => node.totals?.allocated_size ?? node.allocated_size ?? 0;
// Files at and below it.
export const filesOf = (node) =>
    (node.content_type === 'directory' ? node.totals?.file_count ?? 0 : 1);
// When anything at or below it was last modified.
export const modifiedOf = (node) => node.totals?.latest_mtime ?? node.modified_time;
export const isDirectory = (node) => node.content_type === 'directory';

// changed(): something is other than before. Errors stay in `error`.
export class Directory {
  constructor(api, view, path, changed) {
    Object.assign(this, {api, view, path, changed});
    this.node = null;
    this.children = new Map();  // By path, in the order of pages.
    this.next = null;
    this.reading = null;  // A promise while it is being read.
    this.loaded = false;  // The first page is there.
    this.complete = false;
    this.error = null;
    this.wanted = READ_BY_ITSELF;
    this.cancel = new AbortController();
  }

  close() {
    this.cancel.abort();
  }

  get loading() {
    return this.reading !== null;
  }

  // Reads until there is no more, or as many as wanted; all who ask meanwhile wait for the same. A
  // node that is no directory has no children.
  async read() {
    if (this.complete) return;
    this.reading ??= this.readPages();
    await this.reading;
  }

  async readPages() {
    this.error = null;
    try {
      do {
        await this.readPage();
        this.changed(this);
      } while (!this.complete && this.children.size < this.wanted);
    } catch (error) {
      if (this.cancel.signal.aborted) return;
      this.error = error;
    } finally {
      this.reading = null;
      if (!this.cancel.signal.aborted) this.changed(this);
    }
  }

  readMore() {
    this.wanted = this.children.size + READ_BY_ITSELF;
    return this.read();
  }

  async readPage() {
    const answer = await this.api.view(
        this.view, 'tree', {
          path: this.path,
          totals: true,
          limit: this.loaded ? NEXT_PAGE : FIRST_PAGE,
          cursor: this.next,
        },
        {signal: this.cancel.signal});
    const {children = [], next = null, ...node} = answer;
    this.node = node;
    for (const child of children) this.children.set(child.path, child);
    this.next = next;
    this.loaded = true;
    this.complete = next === null;
  }

  // What the feed tells of an entry directly below. Those behind the last page read come with
  // theirs.
  put(node) {
    const before = this.children.get(node.path);
    if (!before && !this.complete) return;
    this.children.set(
        node.path, before?.totals && isDirectory(node) ? {...node, totals: before.totals} : node);
    if (!before) this.complete = this.next === null;
  }

  remove(path) {
    return this.children.delete(path);
  }

  // Sums of a directory below, or of this one, as `stats` tells them.
  setTotals(path, {file_count, dir_count, total_size, allocated_size, latest_mtime}) {
    const totals = {file_count, dir_count, total_size, allocated_size, latest_mtime};
    const child = this.children.get(path);
    if (child && isDirectory(child)) this.children.set(path, {...child, totals});
    if (path === this.path && this.node) this.node = {...this.node, totals};
  }
}

// The node of a path and what the view says of its trust: {node, meta}.
export async function describe(api, view, path, options) {
  const answer =
      await api.view(view, 'tree', {path, max_depth: 0, totals: true, envelope: true}, options);
  return {node: answer.data, meta: answer.meta};
}

const ORDERS = {
  name: null,
  size: sizeOf,
  allocated: allocatedOf,
  files: filesOf,
  age: modifiedOf,
};

// A copy in order. By name: as it came, which is the order of bytes. Others fall, or rise; equal
// ones keep the order of names.
export function sorted(nodes, {by, up}) {
  const key = ORDERS[by];
  const list = [...nodes];
  if (!key) return up ? list : list.reverse();
  const keyed = list.map((node) => ({node, value: key(node)}));
  keyed.sort(up ? (a, b) => a.value - b.value : (a, b) => b.value - a.value);
  return keyed.map(({node}) => node);
}

// The `most` (1 or more) that weigh most, in order, of any number. O(nodes).
export function largest(nodes, weight, most) {
  const found = [];
  let least = -1;
  for (const node of nodes) {
    const value = weight(node);
    if (found.length === most && value <= least) continue;
    found.push({node, value});
    found.sort((a, b) => b.value - a.value);
    if (found.length > most) found.pop();
    least = found.at(-1).value;
  }
  return found.map(({node}) => node);
}

export {nameOf, parentOf};
