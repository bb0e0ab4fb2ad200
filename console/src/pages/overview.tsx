import { interval, type Point } from '../api/history'
import type { Listener, Overview } from '../api/types'
import { Empty, Failed, Note } from '../parts/notice'
import { Plot } from '../parts/plot'
import { useConsole } from '../shell/context'
import { bytes, count, duration, moment, rate, sentence, short, words } from '../text/format'

/** All of the broker on one page. */
export function OverviewPage() {
  const { overview, error, points } = useConsole()
  if (!overview) return error ? <Failed error={error} /> : <div class="empty" aria-busy="true" />
  return (
    <>
      <div class="head">
        <h1>Overview</h1>
        <span class="muted">up {duration(overview.uptimeSeconds)}</span>
        <span class="push muted">live, every {interval} s</span>
      </div>
      <Failed error={error} stale />
      <Problems overview={overview} />
      <Tiles overview={overview} last={points.at(-1)} />
      <Plots overview={overview} points={points} />
      <div class="columns">
        <Listeners listeners={overview.listeners} />
        <Losses overview={overview} />
      </div>
    </>
  )
}

function Problems({ overview }: { overview: Overview }) {
  if (overview.problems.length === 0) {
    return (
      <Note kind="good">
        <p>
          <b>All is well.</b> Nothing is lost, full, or about to expire.
        </p>
      </Note>
    )
  }
  return (
    <ul class="stack tight" aria-label="What is wrong">
      {overview.problems.map((p) => (
        <li key={p.reason + p.message}>
          <Note kind={p.severity === 'Error' ? 'bad' : 'warn'}>
            <p>
              <b>{sentence(p.message)}</b>
            </p>
            <p class="muted">{sentence(p.remedy)}</p>
          </Note>
        </li>
      ))}
    </ul>
  )
}

function Tiles({ overview: o, last }: { overview: Overview; last: Point | undefined }) {
  const tiles: [string, string, string, string][] = [
    ['Connections', short(o.connections), '', `of ${short(o.sessions)} sessions`],
    ['Messages in', rate(last?.messagesIn), '/s', `${short(o.received.messages)} since it started`],
    ['Messages out', rate(last?.messagesOut), '/s', `${short(o.sent.messages)} since it started`],
    ['Subscriptions', short(o.subscriptions), '', ''],
    ['Retained', short(o.retained), '', 'topics'],
    ['Waiting', short(o.queuedMessages), '', bytes(o.queuedBytes)],
    ['Memory', bytes(o.memoryBytes), '', o.memoryLimitBytes ? `of ${bytes(o.memoryLimitBytes)}` : 'resident'],
  ]
  return (
    <dl class="panel tiles">
      {tiles.map(([name, value, unit, under]) => (
        <div class="tile" key={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {unit && <small>{unit}</small>}
            <span class="under">{under}</span>
          </dd>
        </div>
      ))}
    </dl>
  )
}

const size = (v: number | null) => (v === null ? '–' : bytes(v))

function Plots({ overview, points }: { overview: Overview; points: readonly Point[] }) {
  const times = points.map((p) => p.time)
  const of = (name: Exclude<keyof Point, 'time'>) => points.map((p) => p[name])
  return (
    <div class="plots">
      <Plot
        title="Messages /s"
        times={times}
        format={rate}
        series={[
          { name: 'in', color: 1, values: of('messagesIn') },
          { name: 'out', color: 2, values: of('messagesOut') },
        ]}
      />
      <Plot
        title="Traffic /s"
        binary
        least={1024}
        times={times}
        format={size}
        series={[
          { name: 'in', color: 1, values: of('bytesIn') },
          { name: 'out', color: 2, values: of('bytesOut') },
        ]}
      />
      <Plot
        title="Connections"
        whole
        times={times}
        format={(v) => (v === null ? '–' : short(v))}
        series={[{ name: 'connections', color: 5, values: of('connections') }]}
      />
      <Plot
        title="Losses /s"
        times={times}
        format={rate}
        series={[
          { name: 'dropped', color: 4, values: of('dropped') },
          { name: 'denied', color: 3, values: of('denied') },
        ]}
      />
      <Plot
        title="Memory"
        binary
        least={1 << 20}
        times={times}
        format={size}
        limit={overview.memoryLimitBytes ?? 0}
        series={[{ name: 'memory', color: 6, values: of('memory') }]}
      />
      <Plot
        title="Waiting messages"
        whole
        times={times}
        format={(v) => (v === null ? '–' : short(v))}
        series={[{ name: 'waiting', color: 3, values: of('queued') }]}
      />
      <Plot
        title={`Processor (${overview.cores === 1 ? '1 core' : `${overview.cores} cores`})`}
        least={0.05}
        times={times}
        format={(v) => (v === null ? '–' : `${Number((v * 100).toPrecision(2))} %`)}
        series={[{ name: 'processor', color: 6, values: of('cpu') }]}
      />
      {overview.store && (
        <Plot
          title="Store sync"
          times={times}
          format={(v) => (v === null ? '–' : `${Number(v.toPrecision(2))} ms`)}
          series={[{ name: 'sync', color: 5, values: of('sync') }]}
        />
      )}
    </div>
  )
}

function Listeners({ listeners }: { listeners: Listener[] }) {
  return (
    <section class="panel">
      <header>
        <h2>Listeners</h2>
      </header>
      {listeners.length === 0 ? (
        <Empty title="The broker listens nowhere">Give it a listener: spec.listeners of the Broker.</Empty>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th>Protocol</th>
                <th>Address</th>
                <th class="right">Connections</th>
                <th class="optional">Certificate until</th>
              </tr>
            </thead>
            <tbody>
              {listeners.map((l) => (
                <tr key={l.name}>
                  <td>{l.name}</td>
                  <td>{l.protocol}</td>
                  <td class="mono">
                    {l.address}
                    {l.path}
                  </td>
                  <td class="right">{count(l.connections)}</td>
                  <td class="optional tight">
                    {l.certificateExpires ? moment(l.certificateExpires).slice(0, 10) : <span class="muted">none</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

function Losses({ overview: o }: { overview: Overview }) {
  const rows = [
    ...Object.entries(o.dropped).map(([reason, n]) => ['Message dropped', reason, n] as const),
    ...Object.entries(o.refused).map(([reason, n]) => ['Connection refused', reason, n] as const),
    ['Login failed', '', o.failedAuthentications] as const,
    ['Access denied', '', o.denied] as const,
  ].filter(([, , n]) => n > 0)
  return (
    <section class="panel">
      <header>
        <h2>Lost and refused since it started</h2>
        <a href="#/access">Denials</a>
      </header>
      {rows.length === 0 ? (
        <Empty title="Nothing">No message was dropped, and nobody was refused.</Empty>
      ) : (
        <table>
          <thead>
            <tr>
              <th>What</th>
              <th>Reason</th>
              <th class="right">Times</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([what, reason, n]) => (
              <tr key={what + reason}>
                <td>{what}</td>
                <td class="muted">{words(reason)}</td>
                <td class="right">{count(n)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
