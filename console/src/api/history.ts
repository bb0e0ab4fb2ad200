// What the overview has said of late, as plots want it: rates from the differences of counters.

import type { Overview } from './types'

/** Seconds between two looks, and how many are kept: five minutes. */
export const interval = 2
export const kept = 150

/** One point of every plot. A rate is null where there is nothing to take the difference with. */
export interface Point {
  time: number // seconds since 1970
  connections: number
  messagesIn: number | null // per second
  messagesOut: number | null
  bytesIn: number | null
  bytesOut: number | null
  dropped: number | null
  denied: number | null
  queued: number // messages that wait to be sent
  memory: number // bytes
  cpu: number | null // cores in use
  sync: number | null // milliseconds, the mean of the syncs since the last point
}

const sum = (counters: Record<string, number>) => Object.values(counters).reduce((a, b) => a + b, 0)

/** The point of an overview, and of the one before, which may be of another start of the broker or missing. */
export function point(now: Overview, before?: Overview): Point {
  const time = Date.parse(now.time) / 1000
  const seconds = before ? time - Date.parse(before.time) / 1000 : 0
  const same = before !== undefined && before.instance === now.instance && seconds > 0
  const rate = (of: (o: Overview) => number): number | null =>
    same ? Math.max(0, (of(now) - of(before)) / seconds) : null
  return {
    time,
    connections: now.connections,
    messagesIn: rate((o) => o.received.messages),
    messagesOut: rate((o) => o.sent.messages),
    bytesIn: rate((o) => o.received.bytes),
    bytesOut: rate((o) => o.sent.bytes),
    dropped: rate((o) => sum(o.dropped)),
    denied: rate((o) => o.denied + o.failedAuthentications),
    queued: now.queuedMessages,
    memory: now.memoryBytes,
    cpu: rate((o) => o.cpuSeconds),
    sync: same ? latency(now, before) : null,
  }
}

function latency(now: Overview, before: Overview): number | null {
  if (!now.store || !before.store) return null
  const syncs = now.store.syncs - before.store.syncs
  return syncs > 0 ? ((now.store.syncSeconds - before.store.syncSeconds) / syncs) * 1000 : null
}

/** Adds a point to those that are kept. */
export function extend(points: readonly Point[], next: Point): Point[] {
  return [...points.slice(-(kept - 1)), next]
}
