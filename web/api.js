// api.js: questions to Fusion's HTTP interface (docs/http-api.md), with the key in a header and
// nowhere else.

import {encodePath, printable} from './names.js';

const BASE = new URL('../api/v1/', import.meta.url);
const WAIT_MS = 60_000;

// status 0: nobody answered. retryAfter in seconds, or null.
export class Failure extends Error {
  constructor(status, message, retryAfter = null) {
    super(printable(message));  // It may speak of names.
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

// A key can be a header's value, or it is none.
export const mayBeKey = (text) => /^[\x21-\x7e]{1,4096}$/.test(text);

export function queryOf(parameters) {
  const items =
      Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
  return items.length ?
      `?${items.map(([name, value]) => `${name}=${encodePath(String(value))}`).join('&')}` :
      '';
}

async function failureOf(response) {
  let detail = '';
  try {
    const body = await response.json();
    detail = typeof body.detail === 'string' ? body.detail :
                                               (body.detail ?? []).map((one) => one.msg).join('; ');
  } catch {
    // Not ours, or cut: the status says enough.
  }
  const after = Number(response.headers.get('Retry-After'));
  return new Failure(
      response.status, detail || `HTTP ${response.status}`, after > 0 ? after : null);
}

export class Api {
  constructor(key) {
    this.key = key;
  }

  // query: more parameters, encoded already.
  async open(route, {parameters = {}, query = '', method = 'GET', signal, headers = {}} = {}) {
    let response;
    try {
      response =
          await fetch(new URL(route + queryOf(parameters) + (query ? `&${query}` : ''), BASE), {
            method,
            signal,
            headers: {'X-API-Key': this.key, ...headers},
            cache: 'no-store',
            credentials: 'omit',
            redirect: 'error',
          });
    } catch (error) {
      if (signal?.aborted && error.name === 'AbortError') throw error;
      throw new Failure(0, 'Fusion does not answer');
    }
    if (!response.ok) throw await failureOf(response);
    return response;
  }

  // The answer's document. Errors: Failure; AbortError when `signal` says so.
  async ask(route, options = {}) {
    const limit = AbortSignal.timeout(WAIT_MS);
    const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
    const response = await this.open(route, {...options, signal});
    try {
      return await response.json();
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Failure(0, 'The answer was cut');
    }
  }

  views(options) {
    return this.ask('views', options);
  }

  view(view, what, parameters, options = {}) {
    return this.ask(`views/${encodeURIComponent(view)}/${what}`, {...options, parameters});
  }
}
