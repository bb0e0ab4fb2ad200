// Made of package broker/admin/api by `make generate`.

export interface Page<T> {
  items: T[]
  next?: string
  total: number
}

export interface Status {
  authRevision: string
  clientTrust?: string
  configRevision?: string
  version: string
  instance: string
  notReady?: string
}

export interface Me {
  name: string
  role: string
}

export interface Traffic {
  packets: number
  bytes: number
  messages: number
  payloadBytes: number
}

export interface Store {
  healthy: boolean
  writes: number
  records: number
  syncs: number
  syncSeconds: number
  diskBytes: number
  diskFreeBytes: number
}

export interface Listener {
  name: string
  protocol: string
  address: string
  path?: string
  connections: number
  certificateExpires?: string
}

export interface Problem {
  severity: string
  reason: string
  message: string
  remedy: string
}

export interface Overview {
  time: string
  version: string
  instance: string
  uptimeSeconds: number
  connections: number
  sessions: number
  subscriptions: number
  retained: number
  queuedMessages: number
  queuedBytes: number
  received: Traffic
  sent: Traffic
  dropped: Record<string, number>
  refused: Record<string, number>
  failedAuthentications: number
  denied: number
  memoryBytes: number
  memoryLimitBytes?: number
  cpuSeconds: number
  cores: number
  store?: Store
  listeners: Listener[]
  problems: Problem[]
}

export interface ClientTraffic {
  messages: number
  bytes: number
}

export interface Client {
  id: string
  user?: string
  connected: boolean
  protocol?: string
  listener?: string
  address?: string
  subscriptions: number
  queued: number
  inflight: number
  since?: string
  received?: ClientTraffic
  sent?: ClientTraffic
}

export interface Will {
  topic: string
  qos: number
  retain: boolean
  delaySeconds: number
}

export interface Subscription {
  filter: string
  qos: number
  noLocal?: boolean
  retainAsPublished?: boolean
  identifier?: number
}

export interface ClientDetail extends Client {
  keepAliveSeconds: number
  sessionExpirySeconds: number
  cleanStart: boolean
  receiveMaximum: number
  maximumPacketSize: number
  queuedBytes: number
  outboxBytes: number
  throttled: boolean
  certificate?: string
  will?: Will
  subscriptionList: Subscription[]
  expiresAt?: string
}

export interface Rule {
  name: string
  effect: string
  subjects: string[]
  actions: string[]
  topics: string[]
  expanded?: string[]
  priority: number
  used?: string
}

export interface Decision {
  allowed: boolean
  rule?: Rule
  audited?: boolean
  reason: string
  considered: Rule[]
  defaultPolicy: string
}

export interface Denial {
  time: string
  client: string
  user?: string
  action: string
  topic?: string
  audited?: boolean
  reason: string
  peer?: string
  count: number
}

export interface User {
  name: string
  groups?: string[]
  selected?: string[]
  connections: number
}

export interface TopicNode {
  level: string
  topic: string
  children: number
  retained: boolean
  messages: number
  perSecond: number
  last?: string
}

export interface UserProperty {
  name: string
  value: string
}

export interface Retained {
  topic: string
  qos: number
  size: number
  payload?: string
  contentType?: string
  responseTopic?: string
  correlationData?: string
  userProperties?: UserProperty[]
  expiresAt?: string
}

export interface Event {
  time: string
  direction: string
  client: string
  user?: string
  packet: string
  packetId?: number
  topic?: string
  filters?: string[]
  qos?: number
  retain?: boolean
  dup?: boolean
  reason?: string
  reasonString?: string
  size: number
  payload?: string
  missed?: number
}

export interface Error {
  error: string
}
