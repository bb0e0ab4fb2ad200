import { useEffect, useState } from 'preact/hooks'
import * as api from '../api/client'
import type { Client } from '../api/types'
import { Segments } from '../parts/form'
import { Icon } from '../parts/icons'
import { Empty, Failed } from '../parts/notice'
import { usePoll, useSettled } from '../parts/poll'
import { go, link, type Route } from '../shell/route'
import { ago, count } from '../text/format'

const pageSize = 50

type State = 'all' | 'true' | 'false'

/** The clients: searched and paged by the broker, so that a hundred thousand are no more than ten. */
export function Clients({ route }: { route: Route }) {
  const [search, setSearch] = useState(route.query.get('search') ?? '')
  const [state, setState] = useState<State>((route.query.get('connected') as State | null) ?? 'all')
  const [cursors, setCursors] = useState<string[]>([]) // of the pages before this one, and of this one
  const settled = useSettled(search, 250)
  const after = cursors.at(-1) ?? ''
  const page = usePoll(
    async (signal) => {
      const query = { search: settled, connected: state === 'all' ? '' : state, limit: pageSize, after }
      return { ...(await api.clients(query, signal)), cursors } // until the next is there, what is seen is this page
    },
    3,
    [settled, state, after],
    true,
  )

  useEffect(() => setCursors([]), [settled, state])
  useEffect(
    () => go(link('clients', '', { search: settled, connected: state === 'all' ? '' : state }), true),
    [settled, state],
  )

  const total = page.data?.total ?? -1
  return (
    <>
      <div class="head">
        <h1>Clients</h1>
        {total >= 0 && <span class="muted number">{count(total)}</span>}
      </div>
      <div class="bar">
        <div class="search">
          <label class="hidden" for="search">
            Search
          </label>
          <input
            id="search"
            class="input"
            type="search"
            placeholder="Part of an identifier, user name or address"
            value={search}
            onInput={(e) => setSearch(e.currentTarget.value)}
            autocapitalize="none"
            spellcheck={false}
          />
        </div>
        <Segments
          label="Which clients"
          value={state}
          of={[
            ['all', 'All'],
            ['true', 'Connected'],
            ['false', 'Away'],
          ]}
          set={setState}
        />
      </div>
      <Failed error={page.error} stale={page.data !== undefined} />
      <section class="panel" aria-label="Clients">
        {page.data && page.data.items.length > 0 ? (
          <Table clients={page.data.items} />
        ) : (
          page.data && <Nobody searched={settled !== '' || state !== 'all'} />
        )}
        {!page.data && <div class="empty" aria-busy="true" />}
        <div class="pager">
          <span class="number">{where(page.data?.cursors.length ?? 0, page.data?.items.length ?? 0, total)}</span>
          <span class="bar">
            <button
              type="button"
              class="button"
              disabled={cursors.length === 0}
              onClick={() => setCursors(cursors.slice(0, -1))}
            >
              <Icon name="back" size={16} /> Previous
            </button>
            <button
              type="button"
              class="button"
              disabled={!page.data?.next}
              onClick={() => setCursors([...(page.data?.cursors ?? []), page.data?.next ?? ''])}
            >
              Next <Icon name="forth" size={16} />
            </button>
          </span>
        </div>
      </section>
    </>
  )
}

function where(before: number, items: number, total: number): string {
  if (items === 0) return ''
  const first = before * pageSize + 1
  return `${count(first)} to ${count(first + items - 1)}${total >= 0 ? ` of ${count(total)}` : ''}`
}

function Nobody({ searched }: { searched: boolean }) {
  return searched ? (
    <Empty title="No client fits">The search looks at identifiers, user names and addresses.</Empty>
  ) : (
    <Empty title="No client yet">
      Connect one, or <a href="#/try">try it here</a>. One that cannot connect is among the{' '}
      <a href="#/access">denials</a>.
    </Empty>
  )
}

function Table({ clients }: { clients: Client[] }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Client</th>
            <th>User</th>
            <th class="optional">Protocol</th>
            <th class="optional">Listener</th>
            <th class="optional">Address</th>
            <th class="right optional">Subscriptions</th>
            <th class="right">Queued</th>
            <th class="right optional">In flight</th>
            <th class="right optional">Since</th>
          </tr>
        </thead>
        <tbody>
          {clients.map((c) => (
            <tr key={c.id} class="linked">
              <td>
                <span class="identity">
                  <State connected={c.connected} />
                  <a class="row-link mono" href={link('clients', c.id)}>
                    {c.id}
                  </a>
                </span>
              </td>
              <td>{c.user ?? <span class="muted">anonymous</span>}</td>
              <td class="optional">{c.protocol ? `MQTT ${c.protocol}` : <span class="muted">–</span>}</td>
              <td class="optional">{c.listener ?? <span class="muted">–</span>}</td>
              <td class="optional mono">{c.address ?? <span class="muted">–</span>}</td>
              <td class="right optional">{count(c.subscriptions)}</td>
              <td class="right">{c.queued > 0 ? count(c.queued) : <span class="muted">0</span>}</td>
              <td class="right optional">{c.inflight > 0 ? count(c.inflight) : <span class="muted">0</span>}</td>
              <td class="right optional tight muted">{ago(c.since)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

export function State({ connected }: { connected: boolean }) {
  return (
    <span class={`dot ${connected ? 'on' : 'off'}`} title={connected ? 'Connected' : 'Away'}>
      <span class="hidden">{connected ? 'connected' : 'away'}</span>
    </span>
  )
}
