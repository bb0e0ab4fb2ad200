import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'
import * as api from '../api/client'
import type { ClientDetail, ClientTraffic, Subscription, Will } from '../api/types'
import { Confirm } from '../parts/dialog'
import { Check } from '../parts/form'
import { Icon } from '../parts/icons'
import { Empty, Failed } from '../parts/notice'
import { usePoll } from '../parts/poll'
import { useMayWrite } from '../shell/context'
import { go, link, type Route } from '../shell/route'
import { ago, bytes, count, duration, moment, plural, rate } from '../text/format'
import { State } from './clients'

/** One client: its session, connection, subscriptions and will. */
export function ClientPage({ route }: { route: Route }) {
  const id = route.rest
  const { data, error, refresh } = usePoll((signal) => api.client(id, signal), 2, [id])
  const [asking, ask] = useState(false)
  const mayWrite = useMayWrite()
  if (!data) return error ? <Gone error={error as api.Refused} /> : <div class="empty" aria-busy="true" />
  return (
    <>
      <div class="head">
        <a class="button bare icon" href="#/clients" title="All clients" aria-label="All clients">
          <Icon name="back" />
        </a>
        <h1 class="mono">{data.id}</h1>
        <span class={`badge ${data.connected ? 'good' : ''}`}>
          <State connected={data.connected} />
          {data.connected ? 'Connected' : 'Away'}
        </span>
        {data.throttled && <span class="badge warn">Throttled: it publishes faster than it may</span>}
        <span class="push bar">
          <a class="button" href={link('trace', '', { client: data.id })}>
            <Icon name="trace" size={16} /> Trace
          </a>
          {mayWrite && (
            <button type="button" class="button danger" onClick={() => ask(true)}>
              {data.connected ? 'Disconnect' : 'End session'}
            </button>
          )}
        </span>
      </div>
      <Failed error={error} stale />
      <Facts client={data} />
      <Subscriptions client={data} />
      {data.will && (
        <div class="columns even">
          <WillPanel will={data.will} />
        </div>
      )}
      {asking && <Disconnect client={data} close={() => ask(false)} done={refresh} />}
    </>
  )
}

function Gone({ error }: { error: api.Refused }) {
  if (error.status !== 404) return <Failed error={error} />
  return (
    <Empty title="There is no such client (any more)">
      Its session has ended, or it never connected. <a href="#/clients">All clients</a>
    </Empty>
  )
}

function Disconnect({ client, close, done }: { client: ClientDetail; close: () => void; done: () => void }) {
  const [session, setSession] = useState(!client.connected)
  const confirm = async () => {
    await api.disconnect(client.id, session)
    if (session) go('#/clients')
    else done()
  }
  return (
    <Confirm
      title={client.connected ? `Disconnect ${client.id}?` : `End the session of ${client.id}?`}
      action={client.connected ? 'Disconnect' : 'End session'}
      confirm={confirm}
      close={close}
    >
      {client.connected && (
        <p>Most clients come back by themselves, after a moment. To keep one out, suspend its User.</p>
      )}
      {client.connected && <Check name="End its session as well" value={session} set={setSession} />}
      {session && (
        <p class="muted">
          Its {plural(client.subscriptions, 'subscription')} and {plural(client.queued, 'queued message')} are lost.
        </p>
      )}
    </Confirm>
  )
}

type Fact = readonly [string, ComponentChildren]

function Facts({ client: c }: { client: ClientDetail }) {
  const received = useRates(c.received)
  const sent = useRates(c.sent)
  const connection: Fact[] = [
    ['User', c.user ?? <span class="muted">anonymous</span>],
    ['Address', <span class="mono">{c.address ?? '–'}</span>],
    ['Listener', c.listener ?? '–'],
    ['Protocol', c.protocol ? `MQTT ${c.protocol}` : '–'],
    [c.connected ? 'Connected' : 'Left', c.since ? `${ago(c.since)}, at ${moment(c.since)}` : '–'],
    ['Keep alive', c.keepAliveSeconds > 0 ? duration(c.keepAliveSeconds) : 'off'],
    ...(c.certificate ? [['Certificate', <span class="mono">{c.certificate}</span>] as Fact] : []),
    ...(c.received ? [['Received', traffic(c.received, received)] as Fact] : []),
    ...(c.sent ? [['Sent', traffic(c.sent, sent)] as Fact] : []),
  ]
  const session: Fact[] = [
    ['Queued', `${plural(c.queued, 'message')}, ${bytes(c.queuedBytes)}`],
    ['In flight', `${count(c.inflight)} of ${count(c.receiveMaximum)}`],
    ['Not yet sent', bytes(c.outboxBytes)],
    ['Session expiry', expiry(c)],
    ['Clean start', c.cleanStart ? 'yes' : 'no'],
    ['Largest packet it takes', c.maximumPacketSize > 0 ? bytes(c.maximumPacketSize) : 'no limit of its own'],
  ]
  return (
    <div class="columns even">
      <FactPanel title="Connection" facts={connection} />
      <FactPanel title="Session" facts={session} />
    </div>
  )
}

function FactPanel({ title, facts }: { title: string; facts: Fact[] }) {
  return (
    <section class="panel">
      <header>
        <h2>{title}</h2>
      </header>
      <dl class="body facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function expiry(c: ClientDetail): string {
  if (c.expiresAt) return `ends ${moment(c.expiresAt)}`
  if (c.sessionExpirySeconds < 0) return 'never'
  return c.sessionExpirySeconds === 0 ? 'with the connection' : `${duration(c.sessionExpirySeconds)} after it leaves`
}

const traffic = (t: ClientTraffic, perSecond: number | null) =>
  `${plural(t.messages, 'message')}, ${bytes(t.bytes)}${perSecond === null ? '' : `, ${rate(perSecond)}/s`}`

/** Messages a second, from this look and the one before. */
function useRates(t: ClientTraffic | undefined): number | null {
  const before = useRef<{ at: number; messages: number; of: ClientTraffic; rate: number | null } | undefined>(undefined)
  if (!t) return null
  const last = before.current
  if (!last || last.of !== t) {
    const at = performance.now()
    const known = last && t.messages >= last.messages && at > last.at
    const rate = known ? ((t.messages - last.messages) * 1000) / (at - last.at) : null
    before.current = { at, messages: t.messages, of: t, rate }
  }
  return before.current?.rate ?? null
}

function Subscriptions({ client }: { client: ClientDetail }) {
  const list = client.subscriptionList ?? []
  return (
    <section class="panel">
      <header>
        <h2>Subscriptions</h2>
        <span class="muted number">{count(client.subscriptions)}</span>
      </header>
      {list.length === 0 ? (
        <Empty title="It has subscribed to nothing" />
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>Topic filter</th>
                <th>QoS</th>
                <th>Options</th>
              </tr>
            </thead>
            <tbody>
              {list.map((s) => (
                <tr key={s.filter}>
                  <td class="mono">{s.filter}</td>
                  <td>{s.qos}</td>
                  <td class="muted">{subscriptionOptions(s) || '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list.length < client.subscriptions && (
        <div class="pager">
          The first {count(list.length)} of {count(client.subscriptions)}.
        </div>
      )}
    </section>
  )
}

function subscriptionOptions(s: Subscription): string {
  return [
    s.noLocal && 'no local',
    s.retainAsPublished && 'retain as published',
    s.identifier && `identifier ${s.identifier}`,
  ]
    .filter(Boolean)
    .join(', ')
}

function WillPanel({ will }: { will: Will }) {
  return (
    <FactPanel
      title="Will"
      facts={[
        ['Topic', <span class="mono">{will.topic}</span>],
        ['QoS', will.qos],
        ['Retain', will.retain ? 'yes' : 'no'],
        [
          'Published',
          will.delaySeconds > 0 ? `${duration(will.delaySeconds)} after it is lost` : 'as soon as it is lost',
        ],
      ]}
    />
  )
}
