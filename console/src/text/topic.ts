// Topic names and filters, as the standard has them (MQTT 5, 4.7 and 4.8.2).

/** Whether a topic fits a filter, which may be a shared subscription's. */
export function matches(filter: string, topic: string): boolean {
  const shared = /^\$share\/[^/]+\/(.*)$/s.exec(filter)
  const wanted = (shared?.[1] ?? filter).split('/')
  const levels = topic.split('/')
  if (topic.startsWith('$') && /^[+#]/.test(wanted[0] ?? '')) return false
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '#') return true
    if (i >= levels.length) return false
    if (wanted[i] !== '+' && wanted[i] !== levels[i]) return false
  }
  return wanted.length === levels.length
}

/** Why a filter is none; '': it is one. */
export function filterProblem(filter: string): string {
  if (filter === '') return 'A topic filter has at least one character.'
  const levels = filter.split('/')
  for (const [i, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || i !== levels.length - 1))
      return '# is a level by itself, and the last one.'
    if (level.includes('+') && level !== '+') return '+ is a level by itself.'
  }
  return ''
}

/** Why a topic cannot be published to; '': it can. */
export function topicProblem(topic: string): string {
  if (topic === '') return 'A topic has at least one character.'
  return /[+#]/.test(topic) ? 'A topic that is published to has no + and no #.' : ''
}
