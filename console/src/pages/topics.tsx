import { useRef, useState } from 'preact/hooks'
import * as api from '../api/client'
import type { Retained, TopicNode } from '../api/types'
import { Confirm } from '../parts/dialog'
import { Icon } from '../parts/icons'
import { Empty, Failed } from '../parts/notice'
import { Payload } from '../parts/payload'
import { usePoll } from '../parts/poll'
import { useMayWrite } from '../shell/context'
import { go, link, type Route } from '../shell/route'
import { ago, bytes, moment, rate, short } from '../text/format'
import { fromBase64 } from '../text/payload'

const branchLimit = 200 // nodes below one

/** A line of the tree as it is shown. */
interface Branch {
  node: TopicNode
  depth: number
  open: boolean
}

type Below = Map<string, { nodes: TopicNode[]; total: number }> // by the topic above; '' is the root

/** The topics, as a tree that is asked for as far as it is open, and the message that one has retained. */
export function Topics({ route }: { route: Route }) {
  const [open, setOpen] = useState<ReadonlySet<string>>(() => above(route.rest))
  const chosen = route.rest
  const tree = usePoll((signal) => load(open, signal), 2, [[...open].sort().join('\n')], true)
  const branches = tree.data ? flatten(tree.data, open) : []
  const toggle = (topic: string, to?: boolean) => {
    const next = new Set(open)
    if (to ?? !open.has(topic)) next.add(topic)
    else next.delete(topic)
    setOpen(next)
  }
  const more = tree.data?.get('')
  return (
    <>
      <div class="head">
        <h1>Topics</h1>
        <span class="muted">with a retained message, or published to while somebody looks</span>
      </div>
      <Failed error={tree.error} stale={tree.data !== undefined} />
      <div class="split">
        <section class="panel" aria-label="Topics">
          <div class="tree-head" aria-hidden="true">
            <span>Topic</span>
            <span>Messages/s</span>
            <span>Messages</span>
            <span class="optional">Last</span>
          </div>
          <Tree branches={branches} chosen={chosen} toggle={toggle} known={tree.data !== undefined} />
          {more && more.nodes.length < more.total && (
            <div class="pager">
              The first {branchLimit} of {more.total}.
            </div>
          )}
        </section>
        <div class="beside">
          <Message topic={chosen} />
        </div>
      </div>
    </>
  )
}

/** The topics above one, so that a link to it shows where it is. */
function above(topic: string): Set<string> {
  const levels = topic.split('/')
  return new Set(levels.slice(0, -1).map((_, i) => levels.slice(0, i + 1).join('/')))
}

/** Asks for what is below the root and below all that is open. What has gone meanwhile is left out. */
async function load(open: ReadonlySet<string>, signal: AbortSignal): Promise<Below> {
  const below: Below = new Map()
  const ask = async (under: string) => {
    try {
      const page = await api.topics({ under, limit: branchLimit }, signal)
      below.set(under, { nodes: page.items, total: page.total })
    } catch (e) {
      if (under === '' || (e as api.Refused).status !== 404) throw e
    }
  }
  await Promise.all(['', ...open].map(ask))
  return below
}

/** The branches that are seen, from the top. */
export function flatten(below: Below, open: ReadonlySet<string>): Branch[] {
  const found: Branch[] = []
  const walk = (under: string, depth: number) => {
    for (const node of below.get(under)?.nodes ?? []) {
      const isOpen = node.children > 0 && open.has(node.topic)
      found.push({ node, depth, open: isOpen })
      if (isOpen) walk(node.topic, depth + 1)
    }
  }
  walk('', 0)
  return found
}

interface TreeProps {
  branches: Branch[]
  chosen: string
  toggle: (topic: string, to?: boolean) => void
  known: boolean
}

/** Up, Down, Home and End go from branch to branch; Right opens and goes in, Left closes and goes out; Enter chooses. */
function Tree({ branches, chosen, toggle, known }: TreeProps) {
  const box = useRef<HTMLDivElement>(null)
  const [at, setAt] = useState('')
  if (known && branches.length === 0) {
    return (
      <Empty title="No topic yet">
        Topics appear as messages are published, and where one is retained. <a href="#/try">Publish one here</a>.
      </Empty>
    )
  }
  const here = Math.max(
    0,
    branches.findIndex((b) => b.node.topic === (at || chosen)),
  )
  const focus = (i: number) => {
    const branch = branches[i]
    if (!branch) return
    setAt(branch.node.topic)
    box.current?.querySelectorAll<HTMLElement>('[role=treeitem]')[i]?.focus()
  }
  const key = (e: KeyboardEvent, i: number) => {
    const { node, open, depth } = branches[i]!
    const moves: Record<string, () => void> = {
      ArrowDown: () => focus(i + 1),
      ArrowUp: () => focus(i - 1),
      Home: () => focus(0),
      End: () => focus(branches.length - 1),
      ArrowRight: () => (open ? focus(i + 1) : node.children > 0 && toggle(node.topic, true)),
      ArrowLeft: () =>
        open ? toggle(node.topic, false) : focus(branches.slice(0, i).findLastIndex((b) => b.depth < depth)),
      Enter: () => go(link('topics', node.topic), true),
      ' ': () => go(link('topics', node.topic), true),
    }
    const move = moves[e.key]
    if (!move) return
    e.preventDefault()
    move()
  }
  return (
    <div class="tree" role="tree" aria-label="Topics" aria-busy={!known} ref={box}>
      {branches.map(({ node, depth, open }, i) => (
        // biome-ignore lint/a11y/useFocusableInteractive: it is, by tabindex
        <div
          key={node.topic}
          class="branch"
          role="treeitem"
          aria-level={depth + 1}
          aria-selected={node.topic === chosen}
          aria-expanded={node.children > 0 ? open : undefined}
          tabindex={i === here ? 0 : -1}
          onKeyDown={(e) => key(e, i)}
          onClick={() => {
            setAt(node.topic)
            if (node.children > 0) toggle(node.topic)
            if (node.retained || node.children === 0) go(link('topics', node.topic), true)
          }}
        >
          <span class="level" style={{ '--depth': depth }} title={node.topic}>
            {node.children > 0 ? <Icon name="twist" size={16} /> : <i class="twist" />}
            <span>{node.level === '' ? <em class="muted">empty level</em> : node.level}</span>
            {node.retained && <span class="badge accent">retained</span>}
          </span>
          <span class={`figure ${node.perSecond > 0 ? 'live' : ''}`}>
            {node.perSecond > 0 ? rate(node.perSecond) : '–'}
          </span>
          <span class="figure">{node.messages > 0 ? short(node.messages) : '–'}</span>
          <span class="figure optional">{ago(node.last)}</span>
        </div>
      ))}
    </div>
  )
}

/** The retained message of a topic. */
function Message({ topic }: { topic: string }) {
  const [asking, ask] = useState(false)
  const mayWrite = useMayWrite()
  const { data, error, refresh } = usePoll(
    async (signal): Promise<Retained | null> => {
      if (topic === '') return null
      try {
        return await api.retained(topic, signal)
      } catch (e) {
        if ((e as api.Refused).status === 404) return null
        throw e
      }
    },
    2,
    [topic],
  )
  return (
    <section class="panel" aria-label="Retained message">
      <header>
        <h2>Retained message</h2>
        {data && mayWrite && (
          <button type="button" class="button danger" onClick={() => ask(true)}>
            Clear
          </button>
        )}
      </header>
      {error && (
        <div class="body">
          <Failed error={error} stale={data !== undefined} />
        </div>
      )}
      {data && <Retention message={data} />}
      {data === null && (topic === '' ? <Choose /> : <None topic={topic} />)}
      {data === undefined && !error && <div class="empty" aria-busy="true" />}
      {asking && data && (
        <Confirm
          title="Clear this retained message?"
          action="Clear"
          confirm={async () => {
            await api.clearRetained(topic)
            refresh()
          }}
          close={() => ask(false)}
        >
          <p class="mono">{topic}</p>
          <p class="muted">Those who subscribe from now on do not get it. It cannot be brought back.</p>
        </Confirm>
      )}
    </section>
  )
}

function Choose() {
  return <Empty title="Choose a topic">Those with a retained message say so.</Empty>
}

function None({ topic }: { topic: string }) {
  return (
    <Empty title="Nothing is retained here">
      <code>{topic}</code>
      <br />
      Messages that are not retained are not kept. <a href={link('trace', '', { topic })}>Trace this topic</a> to see
      them go by.
    </Empty>
  )
}

function Retention({ message: m }: { message: Retained }) {
  const facts = [
    ['QoS', String(m.qos)],
    ['Size', bytes(m.size)],
    ['Content type', m.contentType ?? ''],
    ['Response topic', m.responseTopic ?? ''],
    ['Expires', m.expiresAt ? moment(m.expiresAt) : ''],
    ...(m.userProperties ?? []).map((p) => [p.name, p.value]),
  ].filter(([, value]) => value !== '')
  return (
    <div class="body stack">
      <div>
        <p class="mono">
          <b>{m.topic}</b>
        </p>
        <div class="pairs">
          {facts.map(([name, value]) => (
            <span key={name}>
              {name} <b>{value}</b>
            </span>
          ))}
        </div>
      </div>
      <Payload bytes={fromBase64(m.payload)} />
    </div>
  )
}
