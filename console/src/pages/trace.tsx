import { useEffect, useRef, useState } from 'preact/hooks'
import * as api from '../api/client'
import type { Event } from '../api/types'
import { Check, Text } from '../parts/form'
import { Icon } from '../parts/icons'
import { Empty, Failed } from '../parts/notice'
import { Payload } from '../parts/payload'
import type { Route } from '../shell/route'
import { bytes, clock, count } from '../text/format'
import { fromBase64, preview } from '../text/payload'

const kept = 5000 // packets, to be saved
const drawn = 300 // of them, the newest
const beat = 250 // milliseconds between two drawings

interface Seen extends Event {
  number: number
}

interface Filter {
  client: string
  user: string
  topic: string
  payload: boolean
}

/** Packets as they come and go. */
export function Trace({ route }: { route: Route }) {
  const [filter, setFilter] = useState<Filter>({
    client: route.query.get('client') ?? '',
    user: route.query.get('user') ?? '',
    topic: route.query.get('topic') ?? '',
    payload: true,
  })
  const [pings, setPings] = useState(false)
  const trace = useTrace()
  const given = route.query.size > 0
  useEffect(() => {
    if (given) trace.start(filter)
  }, [])
  const submit = (e: SubmitEvent) => {
    e.preventDefault()
    if (trace.running) trace.stop()
    else trace.start(filter)
  }
  const set = (change: Partial<Filter>) => setFilter({ ...filter, ...change })
  const events = pings ? trace.events : trace.events.filter((e) => !e.packet.startsWith('PING'))
  return (
    <>
      <div class="head">
        <h1>Trace</h1>
        <span class="muted">packets as they come and go; what is not asked for costs the broker nothing</span>
      </div>
      <form class="panel" onSubmit={submit} aria-label="What to trace">
        <div class="body ask">
          <Text
            class="w3"
            name="Client identifier"
            value={filter.client}
            set={(client) => set({ client })}
            placeholder="any"
            mono
          />
          <Text class="w3" name="User" value={filter.user} set={(user) => set({ user })} placeholder="any" />
          <Text
            class="w4"
            name="Topic filter"
            value={filter.topic}
            set={(topic) => set({ topic })}
            placeholder="any packet"
            mono
          />
          <button type="submit" class={`button w2 ${trace.running ? 'danger' : 'primary'}`}>
            {trace.running ? 'Stop' : 'Start'}
          </button>
        </div>
      </form>
      <Failed error={trace.error} />
      <section class="panel" aria-label="Packets">
        <header>
          <Status trace={trace} />
          <div class="bar">
            <Check name="Payloads" value={filter.payload} set={(payload) => set({ payload })} />
            <Check name="Pings" value={pings} set={setPings} />
            <button
              type="button"
              class="button"
              disabled={!trace.running}
              aria-pressed={trace.paused}
              onClick={trace.pause}
            >
              <Icon name={trace.paused ? 'play' : 'pause'} size={16} />
              {trace.paused ? 'Go on' : 'Pause'}
            </button>
            <button type="button" class="button" disabled={trace.events.length === 0} onClick={() => save(events)}>
              <Icon name="save" size={16} />
              Save
            </button>
            <button type="button" class="button" disabled={trace.events.length === 0} onClick={trace.clear}>
              Clear
            </button>
          </div>
        </header>
        <Packets events={events} running={trace.running} />
      </section>
    </>
  )
}

interface Tracing {
  events: readonly Seen[]
  running: boolean
  paused: boolean
  waiting: number // that have come since Pause
  error: Error | undefined
  start: (f: Filter) => void
  stop: () => void
  pause: () => void
  clear: () => void
}

/** A trace that ends with the page. Packets are gathered, and drawn a few times a second. */
function useTrace(): Tracing {
  const [events, setEvents] = useState<readonly Seen[]>([])
  const [running, setRunning] = useState(false)
  const [paused, setPaused] = useState(false)
  const [error, setError] = useState<Error>()
  const [waiting, setWaiting] = useState(0)
  const gathered = useRef<Seen[]>([])
  const over = useRef<AbortController | undefined>(undefined)
  const number = useRef(0)
  const held = useRef(false)

  useEffect(() => {
    const timer = setInterval(() => {
      if (gathered.current.length === 0) return
      if (held.current) {
        if (gathered.current.length > kept) gathered.current = gathered.current.slice(-kept)
        setWaiting(gathered.current.length)
        return
      }
      const fresh = gathered.current
      gathered.current = []
      setWaiting(0)
      setEvents((before) => [...before, ...fresh].slice(-kept))
    }, beat)
    return () => {
      clearInterval(timer)
      over.current?.abort()
    }
  }, [])

  const start = (f: Filter) => {
    over.current?.abort()
    const own = new AbortController()
    over.current = own
    setError(undefined)
    setRunning(true)
    const heard = (e: Event) => gathered.current.push({ ...e, number: number.current++ })
    api
      .trace({ ...f }, own.signal, heard, () => {})
      .then(() => setError(new Error('The broker has ended the trace. Start it again.')))
      .catch((e) => own.signal.aborted || setError(e as Error))
      .finally(() => over.current === own && setRunning(false))
  }
  const stop = () => {
    over.current?.abort()
    setRunning(false)
    if (held.current) pause()
  }
  const pause = () => {
    held.current = !held.current
    setPaused(held.current)
  }
  const clear = () => {
    gathered.current = []
    setWaiting(0)
    setEvents([])
  }
  return { events, running, paused, waiting, error, start, stop, pause, clear }
}

function Status({ trace }: { trace: Tracing }) {
  const state = trace.paused ? 'Paused' : trace.running ? 'Live' : 'Stopped'
  return (
    <div class="bar" role="status">
      <span class={`badge ${trace.paused ? 'warn' : trace.running ? 'good' : ''}`}>
        <span class={`dot ${trace.running && !trace.paused ? 'on' : ''}`} />
        {state}
      </span>
      <span class="muted number">
        {count(trace.events.length)} packets
        {trace.waiting > 0 && `, ${count(trace.waiting)} more since the pause`}
      </span>
    </div>
  )
}

function save(events: readonly Seen[]) {
  const text = events.map(({ number: _, ...e }) => JSON.stringify(e)).join('\n')
  const url = URL.createObjectURL(new Blob([`${text}\n`], { type: 'application/x-ndjson' }))
  const a = document.createElement('a')
  a.href = url
  a.download = `trace-${new Date().toISOString().replace(/[:.]/g, '-')}.jsonl`
  a.click()
  URL.revokeObjectURL(url)
}

function Packets({ events, running }: { events: readonly Seen[]; running: boolean }) {
  const box = useRef<HTMLDivElement>(null)
  const follows = useRef(true)
  const [open, setOpen] = useState(-1)
  useEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [events])
  if (events.length === 0) {
    return (
      <div class="packets">
        {running ? (
          <Empty title="Waiting for a packet">Nothing that fits has been sent or received yet.</Empty>
        ) : (
          <Empty title="No trace is running">Say what to look for, or nothing for everything, and start.</Empty>
        )}
      </div>
    )
  }
  const scrolled = (e: { currentTarget: HTMLElement }) => {
    const at = e.currentTarget
    follows.current = at.scrollHeight - at.scrollTop - at.clientHeight < 40
  }
  return (
    <section class="packets" ref={box} onScroll={scrolled} tabindex={0} aria-label="List of packets">
      <table>
        <thead>
          <tr>
            <th>Time</th>
            <th>Packet</th>
            <th>Client</th>
            <th>What</th>
            <th class="optional">Payload</th>
            <th class="right optional">Size</th>
          </tr>
        </thead>
        <tbody>
          {events.slice(-drawn).map((e) => (
            <Packet
              key={e.number}
              event={e}
              open={e.number === open}
              toggle={() => setOpen(e.number === open ? -1 : e.number)}
            />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Packet({ event: e, open, toggle }: { event: Seen; open: boolean; toggle: () => void }) {
  const failed =
    e.reason !== undefined &&
    /^(not|un|bad|invalid|.*(denied|error|exceeded|not authorized|refused|failed))/i.test(e.reason)
  return (
    <>
      {e.missed !== undefined && e.missed > 0 && (
        <tr class="missed">
          <td colspan={6}>{count(e.missed)} packets are left out here: they came faster than they could be shown</td>
        </tr>
      )}
      <tr class="linked">
        <td class="tight number muted">{clock(e.time, true)}</td>
        <td class="tight">
          <button type="button" class="plain" aria-expanded={open} onClick={toggle}>
            <span class={`way ${e.direction === 'In' ? 'in' : 'out'}`}>
              <Icon name={e.direction === 'In' ? 'up' : 'down'} size={13} />
              <span class="hidden">{e.direction === 'In' ? 'from the client:' : 'to the client:'}</span>
              {e.packet}
            </span>
          </button>
        </td>
        <td class="mono tight">{e.client}</td>
        <td class="what">
          <div class={`brief ${failed ? 'failed' : ''}`}>
            <span class="mono">{e.topic ?? e.filters?.join(', ')}</span> <span class="muted">{about(e)}</span>
          </div>
        </td>
        <td class="what optional">
          <div class="brief mono muted">{e.payload && preview(fromBase64(e.payload), 80)}</div>
        </td>
        <td class="right optional tight muted">{bytes(e.size)}</td>
      </tr>
      {open && (
        <tr>
          <td colspan={6}>
            <Details event={e} />
          </td>
        </tr>
      )}
    </>
  )
}

/** What a packet says besides its topic. */
export function about(e: Event): string {
  return [
    e.topic !== undefined && e.packet === 'PUBLISH' && `QoS ${e.qos ?? 0}`,
    e.retain && 'retain',
    e.dup && 'DUP',
    e.packetId && `#${e.packetId}`,
    e.reason,
    e.reasonString,
  ]
    .filter(Boolean)
    .join(' · ')
}

function Details({ event: e }: { event: Event }) {
  const pairs = [
    ['User', e.user || 'anonymous'],
    ['Topic', e.topic],
    ['Filters', e.filters?.join(', ')],
    ['Packet identifier', e.packetId],
    ['Reason', e.reason],
    ['Reason string', e.reasonString],
    ['Size', bytes(e.size)],
  ].filter(([, value]) => value)
  return (
    <div class="stack opened">
      <div class="pairs">
        {pairs.map(([name, value]) => (
          <span key={name}>
            {name} <b>{value}</b>
          </span>
        ))}
      </div>
      {e.payload && <Payload bytes={fromBase64(e.payload)} />}
    </div>
  )
}
