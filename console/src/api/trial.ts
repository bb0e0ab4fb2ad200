// The MQTT client of the page Try it. It lives beside the pages, so that looking at another one does not end it.
// mqtt.js is loaded when somebody connects.

import type { IClientPublishOptions, IPublishPacket, MqttClient } from 'mqtt'
import { matches } from '../text/topic'

const kept = 500 // messages

export interface Connection {
  url: string
  clientId: string
  user: string
  password: string
  version: 4 | 5
  cleanStart: boolean
  keepAlive: number // seconds
  sessionExpiry: number // seconds
}

export interface Subscribed {
  filter: string
  qos: 0 | 1 | 2
  noLocal: boolean
  retainAsPublished: boolean
  retainHandling: 0 | 1 | 2
  color: number
}

export interface Heard {
  number: number
  time: number
  topic: string
  payload: Uint8Array
  qos: number
  retain: boolean
  dup: boolean
  properties: [string, string][]
  color: number
}

export interface Publication {
  topic: string
  payload: string
  qos: 0 | 1 | 2
  retain: boolean
  contentType: string
  responseTopic: string
  correlation: string
  expiry: number // seconds; 0: never
  userProperties: [string, string][]
}

export type TrialState = 'off' | 'connecting' | 'on'

/** What the page shows; a new one after each change. */
export interface TrialView {
  state: TrialState
  problem: string
  connection: Connection | undefined
  subscriptions: readonly Subscribed[]
  messages: readonly Heard[]
  total: number
}

type Settings = Omit<Subscribed, 'color'>

const nothing: TrialView = {
  state: 'off',
  problem: '',
  connection: undefined,
  subscriptions: [],
  messages: [],
  total: 0,
}

class Trial extends EventTarget {
  view: TrialView = nothing
  #client: MqttClient | undefined
  #fresh: Heard[] = []
  #drawing = false

  #change(change: Partial<TrialView>) {
    this.view = { ...this.view, ...change }
    this.dispatchEvent(new Event('change'))
  }

  async connect(c: Connection): Promise<void> {
    this.disconnect()
    this.#change({
      ...nothing,
      state: 'connecting',
      connection: c,
      messages: this.view.messages,
      total: this.view.total,
    })
    const { default: mqtt } = await import('mqtt')
    const client = mqtt.connect(c.url, {
      protocolVersion: c.version,
      clientId: c.clientId,
      ...(c.user ? { username: c.user, password: c.password } : {}),
      clean: c.cleanStart,
      keepalive: c.keepAlive,
      reconnectPeriod: 0,
      connectTimeout: 8000,
      timerVariant: 'native', // the other one makes a worker of text, which the page's policy forbids
      ...(c.version === 5 ? { properties: { sessionExpiryInterval: c.sessionExpiry } } : {}),
    })
    this.#client = client
    const own = () => this.#client === client
    client.on('connect', () => own() && this.#change({ state: 'on', problem: '' }))
    client.on('error', (e) => own() && this.#lost(explain(e)))
    client.on(
      'disconnect',
      (packet) => own() && this.#lost(`The broker has disconnected it: ${reason(packet.reasonCode)}.`),
    )
    client.on(
      'close',
      () => own() && this.#lost(this.view.state === 'connecting' ? unreachable(c.url) : 'The connection is lost.'),
    )
    client.on('message', (topic, payload, packet) => own() && this.#heard(topic, payload, packet))
  }

  #lost(problem: string) {
    const client = this.#client
    this.#client = undefined
    client?.end(true)
    this.#change({ state: 'off', problem, subscriptions: [] })
  }

  disconnect(): void {
    const client = this.#client
    this.#client = undefined
    client?.end()
    this.#change({ state: 'off', problem: '', subscriptions: [] })
  }

  /** Throws what to tell the user. */
  async subscribe(s: Settings): Promise<void> {
    const client = this.#connected()
    const options = {
      qos: s.qos,
      ...(this.view.connection?.version === 5 ? { nl: s.noLocal, rap: s.retainAsPublished, rh: s.retainHandling } : {}),
    }
    let granted: number
    try {
      const [first] = await client.subscribeAsync(s.filter, options)
      granted = Number(first?.qos ?? s.qos)
    } catch (e) {
      throw new Error(explain(e as Error))
    }
    if (granted >= 0x80) throw new Error(`The broker refuses it: ${reason(granted)}.`)
    const others = this.view.subscriptions.filter((other) => other.filter !== s.filter)
    const taken = new Set(others.map((other) => other.color))
    const color = [1, 2, 3, 5, 6, 4].find((n) => !taken.has(n)) ?? 1
    this.#change({ subscriptions: [...others, { ...s, qos: granted as 0 | 1 | 2, color }] })
  }

  async unsubscribe(filter: string): Promise<void> {
    await this.#connected().unsubscribeAsync(filter)
    this.#change({ subscriptions: this.view.subscriptions.filter((s) => s.filter !== filter) })
  }

  /** Returns what the broker has said of it. Throws what to tell the user. */
  async publish(p: Publication): Promise<string> {
    const options: IClientPublishOptions = { qos: p.qos, retain: p.retain }
    if (this.view.connection?.version === 5) options.properties = properties(p)
    let answer: { reasonCode?: number } | undefined
    try {
      answer = (await this.#connected().publishAsync(p.topic, p.payload, options)) as
        | { reasonCode?: number }
        | undefined
    } catch (e) {
      throw new Error(explain(e as Error))
    }
    if (p.qos === 0) return 'Sent. At QoS 0 a broker does not say what became of it.'
    const code = answer?.reasonCode ?? 0
    if (code >= 0x80) throw new Error(`The broker refuses it: ${reason(code)}.`)
    return code === 0x10 ? 'Accepted; nobody has subscribed to it.' : 'Accepted by the broker.'
  }

  clear(): void {
    this.#fresh = []
    this.#change({ messages: [], total: 0 })
  }

  #connected(): MqttClient {
    if (!this.#client || this.view.state !== 'on') throw new Error('Connect first.')
    return this.#client
  }

  /** Gathers messages, and shows them with the next frame: they may be thousands a second. */
  #heard(topic: string, payload: Uint8Array, packet: IPublishPacket) {
    this.#fresh.push({
      number: this.view.total + this.#fresh.length,
      time: Date.now(),
      topic,
      payload: Uint8Array.from(payload),
      qos: packet.qos,
      retain: packet.retain,
      dup: packet.dup,
      properties: pairs(packet),
      color: this.view.subscriptions.find((s) => matches(s.filter, topic))?.color ?? 0,
    })
    if (this.#drawing) return
    this.#drawing = true
    setTimeout(() => {
      this.#drawing = false
      const fresh = this.#fresh
      this.#fresh = []
      this.#change({
        messages: [...fresh.reverse(), ...this.view.messages].slice(0, kept),
        total: this.view.total + fresh.length,
      })
    }, 50)
  }
}

function properties(p: Publication): NonNullable<IClientPublishOptions['properties']> {
  const user: Record<string, string[]> = {}
  for (const [name, value] of p.userProperties) {
    user[name] ??= []
    user[name].push(value)
  }
  return {
    ...(p.contentType ? { contentType: p.contentType } : {}),
    ...(p.responseTopic ? { responseTopic: p.responseTopic } : {}),
    // biome-ignore lint/suspicious/noExplicitAny: mqtt.js wants Node's Buffer, and takes what is like it
    ...(p.correlation ? { correlationData: new TextEncoder().encode(p.correlation) as any } : {}),
    ...(p.expiry > 0 ? { messageExpiryInterval: p.expiry } : {}),
    ...(p.userProperties.length > 0 ? { userProperties: user } : {}),
  }
}

function pairs(packet: IPublishPacket): [string, string][] {
  const p = packet.properties
  if (!p) return []
  const found: [string, string][] = []
  const add = (name: string, value: unknown) =>
    value !== undefined && value !== null && found.push([name, String(value)])
  add('content type', p.contentType)
  add('response topic', p.responseTopic)
  if (p.correlationData) add('correlation', new TextDecoder().decode(p.correlationData))
  if (p.messageExpiryInterval !== undefined) add('expires in', `${p.messageExpiryInterval} s`)
  for (const [name, value] of Object.entries(p.userProperties ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) add(name, one)
  }
  return found
}

const reasons: Record<number, string> = {
  4: 'the user name or password is not right',
  5: 'not authorized',
  128: 'unspecified error',
  130: 'protocol error',
  133: 'the client identifier is not valid',
  134: 'the user name or password is not right',
  135: 'not authorized: no rule allows it',
  137: 'the server is busy',
  138: 'banned',
  139: 'the server is shutting down',
  141: 'keep alive timeout',
  142: 'another client has taken over the session',
  143: 'the topic filter is not valid',
  144: 'the topic name is not valid',
  147: 'receive maximum exceeded',
  149: 'the packet is too large',
  150: 'messages come too fast',
  151: 'quota exceeded',
  152: 'an administrator did',
  153: 'the payload is not what it is said to be',
  154: 'retained messages are not supported',
  155: 'that QoS is not supported',
  158: 'shared subscriptions are not supported',
  159: 'connections come too fast',
  162: 'wildcards are not supported',
}

function reason(code: number | undefined): string {
  return (code !== undefined && reasons[code]) || `reason code 0x${(code ?? 0).toString(16)}`
}

function explain(e: Error & { code?: number | string; packet?: { granted?: number[] } }): string {
  const refused = e.packet?.granted?.find((code) => code >= 0x80)
  if (refused !== undefined) return `The broker refuses it: ${reason(refused)}.`
  if (typeof e.code === 'number' && e.code > 0) return `The broker refuses it: ${reason(e.code)}.`
  return e.message === 'connack timeout' ? 'Something answers there, but not an MQTT broker.' : e.message
}

function unreachable(url: string): string {
  const secure = url.startsWith('wss:')
  return `No connection to ${url}. A browser does not say why: ${
    secure ? 'it may not trust the certificate, or ' : ''
  }nothing listens there, or the listener does not take this page's origin. kubectl mqtt console needs neither.`
}

export const trial = new Trial()
