import { expect, test } from 'vitest'
import { extend, kept, point } from './history'
import type { Overview } from './types'

const traffic = (n: number) => ({ packets: n, bytes: n * 100, messages: n, payloadBytes: n })

const overview = (second: number, n: number, more: Partial<Overview> = {}): Overview => ({
  time: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
  version: 'v1',
  instance: 'a',
  uptimeSeconds: second,
  connections: 3,
  sessions: 4,
  subscriptions: 5,
  retained: 6,
  queuedMessages: 0,
  queuedBytes: 0,
  received: traffic(n),
  sent: traffic(n * 2),
  dropped: { queue: n, outbox: n },
  refused: {},
  failedAuthentications: n,
  denied: n,
  memoryBytes: 1000,
  cpuSeconds: n / 10,
  cores: 2,
  listeners: [],
  problems: [],
  ...more,
})

test('rates are differences by time', () => {
  const p = point(overview(4, 30), overview(2, 10))
  expect(p).toMatchObject({
    messagesIn: 10,
    messagesOut: 20,
    bytesIn: 1000,
    dropped: 20,
    denied: 20,
    cpu: 1,
    sync: null,
  })
})

test('without a look before, or after a start, there is no rate', () => {
  expect(point(overview(4, 30)).messagesIn).toBeNull()
  expect(point(overview(4, 30, { instance: 'b' }), overview(2, 10)).messagesIn).toBeNull()
  expect(point(overview(2, 30), overview(2, 10)).messagesIn).toBeNull()
})

test('the latency of syncs is of those since the last look', () => {
  const store = (syncs: number, syncSeconds: number) => ({
    store: { healthy: true, writes: 0, records: 0, syncs, syncSeconds, diskBytes: 0, diskFreeBytes: 0 },
  })
  expect(point(overview(4, 1, store(30, 1.1)), overview(2, 1, store(10, 1))).sync).toBeCloseTo(5)
  expect(point(overview(4, 1, store(10, 1)), overview(2, 1, store(10, 1))).sync).toBeNull()
})

test('only the last points are kept', () => {
  let points = [point(overview(0, 0))]
  for (let i = 1; i < kept + 10; i++) points = extend(points, point(overview(i, i), overview(i - 1, i - 1)))
  expect(points).toHaveLength(kept)
  expect(points.at(-1)?.time).toBe(Date.UTC(2026, 0, 1) / 1000 + kept + 9)
})
