// Numbers, sizes and times as people read them.

const grouped = new Intl.NumberFormat('en-US')

export function count(n: number): string {
  return grouped.format(n)
}

/** A number in little room: 950, 12.3 k, 4.56 M. */
export function short(n: number): string {
  for (const [size, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e4, 'k'],
  ] as const) {
    if (n >= size) return `${significant(n / (unit === 'k' ? 1e3 : size))} ${unit}`
  }
  return count(Math.round(n))
}

/** Three digits, and no zeros behind the point. */
function significant(n: number): string {
  if (n === 0) return '0'
  return String(Number(n.toPrecision(n >= 1000 ? 4 : 3)))
}

/** A rate per second without its unit; null: not known yet. */
export function rate(n: number | null | undefined): string {
  if (n === null || n === undefined) return '–'
  if (n >= 100) return short(n)
  if (n > 0 && n < 0.05) return '<0.1'
  return n >= 10 ? String(Math.round(n)) : String(Number(n.toFixed(1)))
}

export function bytes(n: number): string {
  let unit = 0
  while (n >= 1000 && unit < 4) {
    n /= 1024
    unit++
  }
  return `${unit === 0 ? Math.round(n) : significant(n)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}`
}

/** Seconds as the two largest units that are there: 3 d 4 h. */
export function duration(seconds: number): string {
  let rest = Math.max(0, Math.floor(seconds))
  const parts: string[] = []
  for (const [size, unit] of [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ] as const) {
    const n = Math.floor(rest / size)
    rest -= n * size
    if (n > 0) parts.push(`${n} ${unit}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.join(' ') || '0 s'
}

/** How long ago a time is. */
export function ago(time: string | undefined, now: number = Date.now()): string {
  if (!time) return '–'
  const seconds = (now - Date.parse(time)) / 1000
  if (seconds < 1) return 'now'
  return `${duration(seconds).split(' ').slice(0, 2).join(' ')} ago`
}

/** The time of day, as it is where the reader is. */
export function clock(time: string | number, milliseconds = false): string {
  const date = new Date(time)
  const two = (n: number) => String(n).padStart(2, '0')
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return milliseconds ? `${text}.${String(date.getMilliseconds()).padStart(3, '0')}` : text
}

/** A day and time of day: 2026-11-21 19:05. */
export function moment(time: string): string {
  const date = new Date(time)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(time).slice(0, 5)}`
}

/** "QueueFull" as words: "queue full". */
export function words(name: string): string {
  return name
    .replace(/[_-]+/g, ' ')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
}

/** What the broker says in the middle of a sentence, as one. */
export function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(begun) || begun === '' ? begun : `${begun}.`
}

export function plural(n: number, what: string): string {
  return `${count(n)} ${what}${n === 1 ? '' : 's'}`
}
