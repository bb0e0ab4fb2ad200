import { useState } from 'preact/hooks'
import * as api from '../api/client'
import type { Decision, Rule } from '../api/types'
import { Field, Segments, Text } from '../parts/form'
import { Icon } from '../parts/icons'
import { Empty, Failed } from '../parts/notice'
import { usePoll, useSettled } from '../parts/poll'
import { link, type Route } from '../shell/route'
import { ago, clock, count, sentence } from '../text/format'

type Action = 'Publish' | 'Subscribe'

interface Question {
  user: string
  clientId: string
  action: Action
  topic: string
}

/** Who may do what, who was told no, and which rules nobody needs. */
export function Access({ route }: { route: Route }) {
  const [question, setQuestion] = useState<Question>(() => ({
    user: route.query.get('user') ?? '',
    clientId: route.query.get('client') ?? '',
    action: route.query.get('action') === 'Subscribe' ? 'Subscribe' : 'Publish',
    topic: route.query.get('topic') ?? '',
  }))
  return (
    <>
      <div class="head">
        <h1>Access</h1>
      </div>
      <Ask question={question} set={setQuestion} />
      <Denials ask={setQuestion} />
      <Rules />
    </>
  )
}

function Ask({ question: q, set }: { question: Question; set: (q: Question) => void }) {
  const settled = useSettled(q, 250)
  const users = usePoll((signal) => api.users({ search: settled.user, limit: 50 }, signal), 0, [settled.user], true)
  const answer = usePoll(
    async (signal) => (settled.topic === '' ? null : { of: settled, ...(await api.access({ ...settled }, signal)) }),
    5,
    [settled],
    true,
  )
  const asking = q.topic !== '' && answer.data?.of !== q && !answer.error
  return (
    <section class="panel" aria-label="Ask">
      <header>
        <h2>May they?</h2>
        <span class="muted">answered by the rules in force, as for a live client</span>
      </header>
      <div class="body">
        <div class="ask">
          <Text
            class="w3"
            name="User"
            value={q.user}
            set={(user) => set({ ...q, user })}
            placeholder="empty: anonymous"
            list="users"
          />
          <Text
            class="w2"
            name="Client identifier"
            value={q.clientId}
            set={(clientId) => set({ ...q, clientId })}
            placeholder="if a rule asks"
          />
          <Field class="w2" name="Action">
            <select
              class="input"
              value={q.action}
              onChange={(e) => set({ ...q, action: e.currentTarget.value as Action })}
            >
              <option value="Publish">Publish to</option>
              <option value="Subscribe">Subscribe to</option>
            </select>
          </Field>
          <Text
            class="w5"
            name={q.action === 'Publish' ? 'Topic' : 'Topic filter'}
            value={q.topic}
            set={(topic) => set({ ...q, topic })}
            placeholder={q.action === 'Publish' ? 'plant/line1/temperature' : 'plant/#'}
            mono
          />
          <datalist id="users">
            {users.data?.items.map((u) => (
              <option key={u.name} value={u.name} />
            ))}
          </datalist>
        </div>
        <Verdict decision={answer.data} asking={asking} error={answer.error} />
      </div>
      {answer.data && answer.data.considered.length > 0 && (
        <RuleTable
          rules={answer.data.considered}
          decides={answer.data.rule?.name}
          caption="Rules about this user and action"
        />
      )}
    </section>
  )
}

interface VerdictProps {
  decision: Decision | null | undefined
  /** What is there is the answer to the question before. */
  asking: boolean
  error: Error | undefined
}

function Verdict({ decision, asking, error }: VerdictProps) {
  if (asking) {
    return (
      <div class="verdict muted" aria-busy="true">
        <div>Asking …</div>
      </div>
    )
  }
  if (error) {
    return (
      <div class="verdict" role="status">
        <Icon name="warn" />
        <div>{error.message}</div>
      </div>
    )
  }
  if (!decision) {
    return (
      <div class="verdict muted" role="status">
        <div>Give a topic, and the answer and the rule that decides it are here.</div>
      </div>
    )
  }
  return (
    <div class={`verdict ${decision.allowed ? 'allowed' : 'denied'}`} role="status">
      <Icon name={decision.allowed ? 'good' : 'bad'} size={22} />
      <div>
        <strong>{decision.allowed ? 'Allowed' : 'Denied'}</strong>
        <p>{sentence(decision.reason)}</p>
      </div>
    </div>
  )
}

function Denials({ ask }: { ask: (q: Question) => void }) {
  const { data, error } = usePoll((signal) => api.denials({ limit: 50 }, signal), 2, [], true)
  return (
    <section class="panel" aria-label="Last denials">
      <header>
        <h2>Last denials</h2>
        {data && data.total >= 0 && <span class="muted number">{count(data.total)}</span>}
      </header>
      <Failed error={error} stale={data !== undefined} />
      {data?.items.length === 0 && <Empty title="Nobody was denied anything">Since the broker started, that is.</Empty>}
      {data && data.items.length > 0 && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>Time</th>
                <th>Client</th>
                <th>User</th>
                <th>Action</th>
                <th>Topic</th>
                <th class="optional">Reason</th>
                <th class="right">Times</th>
                <th>
                  <span class="hidden">Ask</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.items.map((d) => (
                <tr key={[d.client, d.user, d.action, d.topic, d.reason, d.peer].join('\n')}>
                  <td class="tight number muted">{clock(d.time)}</td>
                  <td class="mono">
                    {d.client ? (
                      <a href={link('clients', d.client)}>{d.client}</a>
                    ) : (
                      <span class="muted">{d.peer}</span>
                    )}
                  </td>
                  <td class="who">
                    {d.user || <span class="muted">{d.action === 'Handshake' ? '–' : 'anonymous'}</span>}
                  </td>
                  <td>{d.action}</td>
                  <td class="mono">{d.topic || <span class="muted">–</span>}</td>
                  <td class="muted optional">{d.reason}</td>
                  <td class="right">{count(d.count)}</td>
                  <td class="right">
                    {d.topic && (
                      <button
                        type="button"
                        class="button bare small"
                        onClick={() => {
                          ask({
                            user: d.user ?? '',
                            clientId: d.client,
                            action: d.action as Action,
                            topic: d.topic ?? '',
                          })
                          scrollTo({ top: 0, behavior: 'smooth' })
                        }}
                      >
                        Why?
                      </button>
                    )}
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

function Rules() {
  const [which, setWhich] = useState<'all' | 'unused'>('all')
  const { data, error } = usePoll((signal) => api.rules({ limit: 1000 }, signal), 5, [], true)
  const shown = (data?.items ?? []).filter((r) => which === 'all' || !r.used)
  return (
    <section class="panel" aria-label="Rules">
      <header>
        <h2>Rules</h2>
        <Segments
          label="Which rules"
          value={which}
          of={[
            ['all', 'All'],
            ['unused', 'Unused'],
          ]}
          set={setWhich}
        />
      </header>
      <Failed error={error} stale={data !== undefined} />
      {data && shown.length === 0 && (
        <Empty title={which === 'all' ? 'There are no rules' : 'Every rule has decided something'}>
          {which === 'all'
            ? 'The default policy decides everything. Rules are ACL objects.'
            : 'Since the rules were loaded.'}
        </Empty>
      )}
      {shown.length > 0 && <RuleTable rules={shown} />}
      {data && data.items.length < data.total && (
        <div class="pager">
          The first {count(data.items.length)} of {count(data.total)}.
        </div>
      )}
    </section>
  )
}

function RuleTable({ rules, decides, caption }: { rules: Rule[]; decides?: string | undefined; caption?: string }) {
  return (
    <div class="scroll">
      <table aria-label={caption}>
        <thead>
          <tr>
            <th>Rule</th>
            <th>Effect</th>
            <th>Subjects</th>
            <th>Actions</th>
            <th>Topics</th>
            <th class="right optional">Priority</th>
            <th class="right optional">Used</th>
          </tr>
        </thead>
        <tbody>
          {rules.map((r) => (
            <tr key={r.name} class={r.name === decides ? 'decides' : undefined}>
              <td class="tight">
                {r.name} {r.name === decides && <span class="badge accent">decides</span>}
              </td>
              <td>
                <span class={`badge ${r.effect === 'Allow' ? 'good' : 'bad'}`}>{r.effect}</span>
              </td>
              <td>{r.subjects.join(', ')}</td>
              <td>{r.actions.join(', ')}</td>
              <td>
                <span class="chips">
                  {r.topics.map((t) => (
                    <code key={t}>{t}</code>
                  ))}
                  {r.expanded && <span class="muted">here</span>}
                  {r.expanded?.map((t) => (
                    <code key={`here ${t}`}>{t}</code>
                  ))}
                </span>
              </td>
              <td class="right optional">{r.priority}</td>
              <td class="right optional tight muted">{r.used ? ago(r.used) : 'never'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
