import { useEffect, useState } from 'preact/hooks'
import { type Connection, type Heard, type Subscribed, type TrialView, trial } from '../api/trial'
import type { Listener } from '../api/types'
import { Check, Field, QoS, Text } from '../parts/form'
import { Icon } from '../parts/icons'
import { Empty, Failed } from '../parts/notice'
import { JSONText } from '../parts/payload'
import { useConsole } from '../shell/context'
import { bytes, clock, count } from '../text/format'
import { asHex, asJSON, asText } from '../text/payload'
import { filterProblem, topicProblem } from '../text/topic'

function useTrial(): TrialView {
  const [view, setView] = useState(trial.view)
  useEffect(() => {
    const update = () => setView(trial.view)
    trial.addEventListener('change', update)
    return () => trial.removeEventListener('change', update)
  }, [])
  return view
}

/** A client in the browser: to see whether it works, before a device is blamed. */
export function Try() {
  const view = useTrial()
  return (
    <>
      <div class="head">
        <h1>Try it</h1>
        <span class="muted">a client in this browser, over WebSocket</span>
      </div>
      <div class="trial">
        <div class="stack">
          <Connect view={view} />
          {view.state === 'on' && (
            <Subscriptions subscriptions={view.subscriptions} version={view.connection!.version} />
          )}
          {view.state === 'on' && <Publish version={view.connection!.version} />}
        </div>
        <Messages view={view} />
      </div>
    </>
  )
}

/** Where a browser reaches the broker: by way of this page's server, or at its WebSocket listeners. */
export function addresses(page: string, webSocket: string, listeners: readonly Listener[]): string[] {
  const found: string[] = []
  if (webSocket) {
    const url = new URL(webSocket, page)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    found.push(url.href)
  }
  for (const l of listeners) {
    if (l.protocol !== 'WS' && l.protocol !== 'WSS') continue
    const port = l.address.slice(l.address.lastIndexOf(':') + 1)
    const host = l.address.slice(0, l.address.lastIndexOf(':'))
    const everywhere = host === '' || host === '0.0.0.0' || host === '[::]'
    found.push(
      `${l.protocol.toLowerCase()}://${everywhere ? new URL(page).hostname : host}:${port}${l.path ?? '/mqtt'}`,
    )
  }
  return found
}

const suggestion = () => `console-${crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36)}`

function Connect({ view }: { view: TrialView }) {
  const { served, overview } = useConsole()
  const possible = addresses(document.baseURI, served.webSocket, overview?.listeners ?? [])
  const [c, setC] = useState<Connection>(
    () =>
      view.connection ?? {
        url: '',
        clientId: suggestion(),
        user: '',
        password: '',
        version: 5,
        cleanStart: true,
        keepAlive: 60,
        sessionExpiry: 0,
      },
  )
  const set = (change: Partial<Connection>) => setC({ ...c, ...change })
  const url = c.url || possible[0] || ''
  if (view.state === 'on') {
    return (
      <section class="panel">
        <header>
          <span class="badge good">
            <span class="dot on" /> Connected
          </span>
          <button type="button" class="button" onClick={() => trial.disconnect()}>
            Disconnect
          </button>
        </header>
        <div class="body pairs">
          <span>
            as <b class="mono">{view.connection?.clientId}</b>
          </span>
          <span>{view.connection?.user ? <b>{view.connection.user}</b> : 'anonymous'}</span>
          <span>MQTT {view.connection?.version === 5 ? '5.0' : '3.1.1'}</span>
        </div>
      </section>
    )
  }
  return (
    <section class="panel">
      <header>
        <h2>Connect</h2>
      </header>
      <form
        class="body stack"
        onSubmit={(e) => {
          e.preventDefault()
          void trial.connect({ ...c, url })
        }}
      >
        {overview && possible.length === 0 && (
          <p class="muted">
            This broker has no WebSocket listener. Give it one of protocol WSS, or open the console with{' '}
            <code>kubectl mqtt console</code>, which brings its own.
          </p>
        )}
        <div class="form">
          <Text
            class="all"
            name="Address"
            value={url}
            set={(value) => set({ url: value })}
            list="addresses"
            placeholder="wss://host:8884/mqtt"
            required
            mono
          />
          <datalist id="addresses">
            {possible.map((a) => (
              <option key={a} value={a} />
            ))}
          </datalist>
          <Text name="User" value={c.user} set={(user) => set({ user })} placeholder="anonymous" autocomplete="off" />
          <Text
            name="Password"
            type="password"
            value={c.password}
            set={(password) => set({ password })}
            autocomplete="new-password"
          />
        </div>
        <details class="more">
          <summary>More</summary>
          <div class="form">
            <Text class="all" name="Client identifier" value={c.clientId} set={(clientId) => set({ clientId })} mono />
            <Field name="Protocol">
              <select
                class="input"
                value={String(c.version)}
                onChange={(e) => set({ version: Number(e.currentTarget.value) as 4 | 5 })}
              >
                <option value="5">MQTT 5.0</option>
                <option value="4">MQTT 3.1.1</option>
              </select>
            </Field>
            <Text
              name="Keep alive, s"
              type="number"
              min={0}
              value={String(c.keepAlive)}
              set={(v) => set({ keepAlive: Number(v) })}
            />
            <Text
              name="Session expiry, s"
              type="number"
              min={0}
              value={String(c.sessionExpiry)}
              set={(v) => set({ sessionExpiry: Number(v) })}
            />
            <Check name="Clean start" value={c.cleanStart} set={(cleanStart) => set({ cleanStart })} />
          </div>
        </details>
        <Failed error={view.problem ? new Error(view.problem) : undefined} />
        <button type="submit" class="button primary" disabled={view.state === 'connecting'}>
          {view.state === 'connecting' ? 'Connecting…' : 'Connect'}
        </button>
      </form>
    </section>
  )
}

function Subscriptions({ subscriptions, version }: { subscriptions: readonly Subscribed[]; version: 4 | 5 }) {
  const [filter, setFilter] = useState('')
  const [qos, setQoS] = useState(1)
  const [noLocal, setNoLocal] = useState(false)
  const [asPublished, setAsPublished] = useState(false)
  const [handling, setHandling] = useState(0)
  const [error, setError] = useState<Error>()
  const submit = async (e: Event) => {
    e.preventDefault()
    try {
      const problem = filterProblem(filter)
      if (problem) throw new Error(problem)
      await trial.subscribe({
        filter,
        qos: qos as 0 | 1 | 2,
        noLocal,
        retainAsPublished: asPublished,
        retainHandling: handling as 0 | 1 | 2,
      })
      setFilter('')
      setError(undefined)
    } catch (failed) {
      setError(failed as Error)
    }
  }
  return (
    <section class="panel">
      <header>
        <h2>Subscriptions</h2>
      </header>
      <form class="body stack" onSubmit={submit}>
        {subscriptions.length > 0 && (
          <ul class="subscriptions">
            {subscriptions.map((s) => (
              <li key={s.filter}>
                <i class={`mark series-${s.color}`} />
                <span class="mono">{s.filter}</span>
                <span class="badge">QoS {s.qos}</span>
                <button
                  type="button"
                  class="button bare icon"
                  aria-label={`Unsubscribe from ${s.filter}`}
                  title="Unsubscribe"
                  onClick={() => trial.unsubscribe(s.filter).catch(setError)}
                >
                  <Icon name="close" size={15} />
                </button>
              </li>
            ))}
          </ul>
        )}
        <div class="form">
          <Text class="all" name="Topic filter" value={filter} set={setFilter} placeholder="plant/+/temperature" mono />
          <QoS class="all" value={qos} set={setQoS} />
        </div>
        {version === 5 && (
          <details class="more">
            <summary>Options of MQTT 5</summary>
            <div class="form">
              <Check class="all" name="Not what this client publishes (no local)" value={noLocal} set={setNoLocal} />
              <Check class="all" name="Retain flag as published" value={asPublished} set={setAsPublished} />
              <Field class="all" name="Retained messages">
                <select
                  class="input"
                  value={String(handling)}
                  onChange={(e) => setHandling(Number(e.currentTarget.value))}
                >
                  <option value="0">send them</option>
                  <option value="1">send them if the subscription is new</option>
                  <option value="2">do not send them</option>
                </select>
              </Field>
            </div>
          </details>
        )}
        <Failed error={error} />
        <button type="submit" class="button" disabled={filter === ''}>
          Subscribe
        </button>
      </form>
    </section>
  )
}

function Publish({ version }: { version: 4 | 5 }) {
  const [topic, setTopic] = useState('')
  const [payload, setPayload] = useState('')
  const [qos, setQoS] = useState(1)
  const [retain, setRetain] = useState(false)
  const [contentType, setContentType] = useState('')
  const [responseTopic, setResponseTopic] = useState('')
  const [correlation, setCorrelation] = useState('')
  const [expiry, setExpiry] = useState(0)
  const [user, setUser] = useState('')
  const [said, setSaid] = useState('')
  const [error, setError] = useState<Error>()
  const submit = async (e: Event) => {
    e.preventDefault()
    setSaid('')
    try {
      const problem = topicProblem(topic)
      if (problem) throw new Error(problem)
      const answer = await trial.publish({
        topic,
        payload,
        qos: qos as 0 | 1 | 2,
        retain,
        contentType,
        responseTopic,
        correlation,
        expiry,
        userProperties: userProperties(user),
      })
      setSaid(answer)
      setError(undefined)
    } catch (failed) {
      setError(failed as Error)
    }
  }
  return (
    <section class="panel">
      <header>
        <h2>Publish</h2>
      </header>
      <form class="body stack" onSubmit={submit}>
        <div class="form">
          <Text class="all" name="Topic" value={topic} set={setTopic} placeholder="plant/line1/temperature" mono />
          <Field class="all" name="Payload">
            <textarea
              class="input mono"
              rows={4}
              value={payload}
              onInput={(e) => setPayload(e.currentTarget.value)}
              spellcheck={false}
            />
          </Field>
          <QoS value={qos} set={setQoS} />
          <Check class="end" name="Retain" value={retain} set={setRetain} />
        </div>
        {version === 5 && (
          <details class="more">
            <summary>Properties of MQTT 5</summary>
            <div class="form">
              <Text name="Content type" value={contentType} set={setContentType} placeholder="application/json" />
              <Text
                name="Expires after, s"
                type="number"
                min={0}
                value={String(expiry)}
                set={(v) => setExpiry(Number(v))}
              />
              <Text name="Response topic" value={responseTopic} set={setResponseTopic} mono />
              <Text name="Correlation data" value={correlation} set={setCorrelation} />
              <Field class="all" name="User properties, name=value, one a line">
                <textarea
                  class="input mono"
                  rows={2}
                  value={user}
                  onInput={(e) => setUser(e.currentTarget.value)}
                  spellcheck={false}
                />
              </Field>
            </div>
          </details>
        )}
        <Failed error={error} />
        <div class="bar">
          <button type="submit" class="button primary" disabled={topic === ''}>
            Publish
          </button>
          <span class="muted" role="status">
            {said}
          </span>
        </div>
      </form>
    </section>
  )
}

/** Lines of name=value. A line without = is a name with an empty value. */
export function userProperties(text: string): [string, string][] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const at = line.indexOf('=')
      return at < 0 ? [line.trim(), ''] : [line.slice(0, at).trim(), line.slice(at + 1).trim()]
    })
}

function Messages({ view }: { view: TrialView }) {
  return (
    <section class="panel" aria-label="Messages">
      <header>
        <h2>Messages</h2>
        <span class="muted number">{count(view.total)}</span>
        <button type="button" class="button" disabled={view.total === 0} onClick={() => trial.clear()}>
          Clear
        </button>
      </header>
      <div class="messages" tabindex={0} role="log" aria-label="Messages, the newest first" aria-live="off">
        {view.messages.length === 0 && <NoMessages view={view} />}
        {view.messages.map((m) => (
          <Message key={m.number} message={m} />
        ))}
      </div>
    </section>
  )
}

function NoMessages({ view }: { view: TrialView }) {
  if (view.state !== 'on') {
    return (
      <Empty title="Not connected">
        Connect as a User of this broker: its rules are yours then, just as for a device.
      </Empty>
    )
  }
  if (view.subscriptions.length === 0)
    return <Empty title="Connected">Subscribe to a topic filter; messages that fit it appear here.</Empty>
  return (
    <Empty title="Waiting for a message">Nothing that fits has been published yet. Publish something yourself.</Empty>
  )
}

function Message({ message: m }: { message: Heard }) {
  const text = asText(m.payload)
  const pretty = asJSON(text)
  const json = pretty && text!.length <= 80 && !text!.includes('\n') ? text : pretty // a short one is read as it is
  return (
    <article class="message">
      <i class={`mark series-${m.color}`} />
      <div>
        <div class="about">
          <span class="mono">{m.topic}</span>
          <span class="badge">QoS {m.qos}</span>
          {m.retain && <span class="badge accent">retained</span>}
          {m.dup && <span class="badge warn">DUP</span>}
          <time>
            {bytes(m.payload.length)} · {clock(m.time, true)}
          </time>
        </div>
        <pre class="code">{json ? <JSONText text={json} /> : (text ?? asHex(m.payload))}</pre>
        {m.properties.length > 0 && (
          <div class="pairs">
            {m.properties.map(([name, value], i) => (
              <span key={i}>
                {name} <b>{value}</b>
              </span>
            ))}
          </div>
        )}
      </div>
    </article>
  )
}
