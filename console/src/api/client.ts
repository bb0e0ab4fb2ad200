// Calls of the admin API. Paths are relative to the page, which may be served below a path of a proxy.

import { authorization } from './session'
import type * as api from './types'

const timeout = 10_000 // milliseconds, of a call that is no stream

/** An answer that is none: what to tell the user. Status is the HTTP status; 0: there was no answer. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

export type Query = Record<string, string | number | boolean | undefined>

/** The path and query of a call; what is '' or undefined is left out. */
export function address(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '' && value !== false) parameters.set(name, String(value))
  }
  const text = parameters.toString()
  return `./v1/${path}${text ? `?${text}` : ''}`
}

/** A topic as one piece of a path, slashes and all, so that nobody on the way cleans up what it has of them. */
export function topicPath(topic: string): string {
  return encodeURIComponent(topic)
}

/** Sends a request and throws Refused unless it succeeded. */
export async function send(method: string, url: string, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  const header = authorization()
  if (header) headers.Authorization = header
  let response: Response
  try {
    response = await fetch(url, { method, headers, cache: 'no-store', credentials: 'omit', signal: signal ?? null })
  } catch (e) {
    if (signal?.aborted && signal.reason?.name !== 'TimeoutError') throw e
    throw new Refused(0, 'The broker does not answer. Is it running, and is the port-forward still open?')
  }
  if (response.ok) return response
  throw new Refused(response.status, await explain(response))
}

async function explain(response: Response): Promise<string> {
  const text = (await response.text().catch(() => '')).trim()
  try {
    const said = (JSON.parse(text) as api.Error).error
    if (said) return said
  } catch {
    // it is not JSON: a proxy's, or an older broker's
  }
  switch (response.status) {
    case 401:
      return 'Signed out: the token or password is not accepted.'
    case 403:
      return 'Your role does not allow that.'
    case 404:
      return 'That is not there (any more).'
    case 429:
      return 'Too many calls for now: wait a moment.'
    default:
      return text && text.length < 300 ? text : `The broker answers ${response.status} ${response.statusText}.`
  }
}

function limited(signal?: AbortSignal): AbortSignal {
  const limit = AbortSignal.timeout(timeout)
  return signal ? AbortSignal.any([signal, limit]) : limit
}

async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const response = await send('GET', address(path, query), limited(signal))
  return (await response.json()) as T
}

async function remove(path: string, query: Query = {}): Promise<void> {
  await send('DELETE', address(path, query), limited())
}

export const status = (signal?: AbortSignal) => get<api.Status>('status', {}, signal)
export const me = (signal?: AbortSignal) => get<api.Me>('me', {}, signal)
export const overview = (signal?: AbortSignal) => get<api.Overview>('overview', {}, signal)
export const clients = (query: Query, signal?: AbortSignal) => get<api.Page<api.Client>>('clients', query, signal)
export const client = (id: string, signal?: AbortSignal) =>
  get<api.ClientDetail>(`clients/${encodeURIComponent(id)}`, {}, signal)
export const disconnect = (id: string, session: boolean) => remove(`clients/${encodeURIComponent(id)}`, { session })
export const users = (query: Query, signal?: AbortSignal) => get<api.Page<api.User>>('users', query, signal)
export const topics = (query: Query, signal?: AbortSignal) => get<api.Page<api.TopicNode>>('topics', query, signal)
export const retained = (topic: string, signal?: AbortSignal) =>
  get<api.Retained>(`retained/${topicPath(topic)}`, {}, signal)
export const clearRetained = (topic: string) => remove(`retained/${topicPath(topic)}`)
export const access = (query: Query, signal?: AbortSignal) => get<api.Decision>('access', query, signal)
export const rules = (query: Query, signal?: AbortSignal) => get<api.Page<api.Rule>>('access/rules', query, signal)
export const denials = (query: Query, signal?: AbortSignal) =>
  get<api.Page<api.Denial>>('access/denials', query, signal)

/** Calls heard with each packet of the trace until signal ends it, the broker does, or there is an error. */
export async function trace(query: Query, signal: AbortSignal, heard: (e: api.Event) => void, open: () => void) {
  const response = await send('GET', address('trace', query), signal)
  open()
  await lines(response.body!, (line) => heard(JSON.parse(line) as api.Event))
}

/** Splits a stream into its lines. */
export async function lines(body: ReadableStream<Uint8Array>, line: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    rest += decoder.decode(value, { stream: !done })
    const parts = rest.split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) if (part.trim() !== '') line(part)
    if (done) break
  }
  if (rest.trim() !== '') line(rest)
}

/** How the page is served, which only its server knows. */
export interface Served {
  /** What the broker is called. '': not known. */
  name: string
  /** Where a WebSocket leads to the broker's MQTT, relative to the page. '': to none but a listener. */
  webSocket: string
}

export async function served(): Promise<Served> {
  const response = await send('GET', './console.json', limited())
  return (await response.json()) as Served
}
