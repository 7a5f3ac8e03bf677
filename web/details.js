// details.js: everything that is known of one entry, and who said so.

import {badges, nameOf, progress} from './cells.js';
import {allocatedOf, isDirectory, modifiedOf, sizeOf} from './directory.js';
import {byId, el, icon, ICONS} from './dom.js';
import {age, bytes, count, duration, mode, plural, time} from './format.js';
import {nameOf as lastOf, printable} from './names.js';
import {flagsOf} from './trust.js';

const KINDS = {
  directory: 'Directory',
  file: 'File',
  symlink: 'Symbolic link',
  other: 'FIFO, socket or device'
};
const ENDED = ['COMPLETED', 'FAILED', 'EXPIRED'];
const ASK_EVERY_MS = 800;

const at = (seconds) =>
    [time(seconds), el('span', {class: 'small'}, ` · ${age(seconds, Date.now() / 1000)}`)];

function* facts(node, meta) {
  if (node.symlink_target !== undefined) yield ['Points to', nameOf(node.symlink_target)];
  yield ['Size', `${bytes(sizeOf(node))}${sizeOf(node) >= 1024 ? ` (${count(sizeOf(node))})` : ''}`];
  yield ['Allocated', bytes(allocatedOf(node))];
  if (isDirectory(node) && node.totals) {
    yield ['Holds', `${plural(node.totals.file_count, 'file')}, ${plural(Math.max(0, node.totals.dir_count - 1), 'directory', 'directories')}`];
    yield ['Newest', at(modifiedOf(node))];
  }
  yield ['Modified', at(node.modified_time)];
  yield ['Changed', at(node.changed_time ?? node.created_time)];
  if (node.accessed_time) yield ['Accessed', at(node.accessed_time)];
  if (node.mode & 0o7777)
    yield ['Mode', `${mode(node.mode)} (${(node.mode & 0o7777).toString(8)})`];
  if (node.inode) yield ['Owner', `${node.uid} : ${node.gid}`];
  if (node.inode) yield ['Inode', `${node.inode}, ${plural(node.nlink, 'link')}`];
  yield ['Reported by', node.last_agent_id === null ? 'nobody: known only from what is in it' : printable(node.last_agent_id ?? '–')];
  if (node.source_uri) yield ['Source', nameOf(node.source_uri)];
  if (isDirectory(node))
    yield ['Files looked at', node.listed_at ? at(node.listed_at) : 'never by a scan'];
  if (meta?.evidence_age_seconds !== undefined && meta.evidence_age_seconds !== null) {
    yield ['Last report', `${duration(meta.evidence_age_seconds)} ago`];
  }
}

// node null: there is nothing at `gone` any more.
export function showDetails(app, node, meta, gone) {
  const card = byId('details');
  if (!node) {
    card.replaceChildren(
        el('h2', {}, nameOf(lastOf(gone) || '/')), el('p', {}, 'This entry is gone.'));
    return;
  }
  const flags = flagsOf(node, meta ?? app.status);
  const kind = isDirectory(node) ? 'directory' : node.kind ?? 'file';
  card.dataset.path = node.path;
  const same = card.querySelector('.scan');  // A job that is followed goes on being shown.
  card.replaceChildren(
      el('h2', {title: printable(node.path)}, icon(ICONS[kind], 18),
         nameOf(lastOf(node.path) || app.view)),
      el('p', {class: 'small path'}, nameOf(node.path)), el('p', {class: 'small'}, KINDS[kind]),
      ...(flags.length ? [el('ul', {class: 'flag-words'},
                             flags.map((flag) => el('li', {}, badges([flag]), ` ${flag.why}`)))] :
                         []),
      el('dl', {class: 'facts'},
         [...facts(node, meta)].flatMap(
             ([name, value]) => [el('dt', {}, name), el('dd', {}, value)])),
      same && same.dataset.path === node.path ? same : scanPart(app, node));
}

function scanPart(app, node) {
  const words = el('p', {class: 'small', role: 'status'});
  const button =
      el('button', {
        class: 'quiet',
        type: 'button',
        title: 'Asks every agent of this view to look here now, and at everything below',
        onclick: () => follow(app, node, button, words),
      },
         isDirectory(node) ? 'Scan this directory now' : 'Scan its directory now');
  const part = el('div', {class: 'scan'}, button, words);
  part.dataset.path = node.path;
  return part;
}

// Starts a job, and tells how it goes until it has ended.
async function follow(app, node, button, words) {
  const {api, view} = app;
  button.disabled = true;
  words.textContent = 'Asking the agents …';
  try {
    let job = await api.view(view, 'jobs', {path: node.path, recursive: true}, {method: 'POST'});
    while (!ENDED.includes(job.status)) {
      words.replaceChildren(progress(job.progress.percentage), jobWords(job));
      await new Promise((resolve) => {
        setTimeout(resolve, ASK_EVERY_MS);
      });
      if (app.view !== view || app.api !== api) return;
      job = await api.view(view, `jobs/${encodeURIComponent(job.job_id)}`, {});
    }
    words.textContent = jobWords(job);
    if (job.status === 'COMPLETED') app.scanned(job.path);
  } catch (error) {
    words.textContent = `${error.message}.`.replace(/\.\.$/, '.');
  } finally {
    button.disabled = false;
  }
}

export function jobWords(job) {
  const {completed_pipes: done, total_pipes: all} = job.progress;
  const what = {
    PENDING: 'Waiting for the agents to hear of it',
    RUNNING: `Agents are looking: ${done} of ${all} have ended`,
    COMPLETED: 'Looked at: what is shown is what is there',
    FAILED: 'Nobody could look',
    EXPIRED: 'Nothing was heard of it any more',
  }[job.status] ??
      job.status;
  return job.error ? `${what}: ${printable(job.error)}` : what;
}
