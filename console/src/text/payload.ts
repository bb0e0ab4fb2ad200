// A payload for the eye: text, JSON, or hexadecimal.

/** At most so many bytes are shown as hexadecimal: a line is 16 of them. */
export const hexLimit = 16 << 10

export function fromBase64(text: string | undefined): Uint8Array {
  const binary = atob(text ?? '')
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/** The payload as text, or null if it is not UTF-8 that can be shown. */
export function asText(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is they that are looked for
    return /[\u0000-\u0008\u000e-\u001f]/.test(text) ? null : text
  } catch {
    return null
  }
}

/** The payload as JSON over several lines, or null if it is not an object or array: a number says no more than the text does. */
export function asJSON(text: string | null): string | null {
  if (text === null || !/^\s*[[{]/.test(text)) return null
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return null
  }
}

/** Offset, 16 bytes, and what of them is ASCII, a line each. */
export function asHex(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < Math.min(bytes.length, hexLimit); at += 16) {
    const row = bytes.subarray(at, Math.min(at + 16, hexLimit))
    const hex = Array.from(row, (b) => b.toString(16).padStart(2, '0'))
    const left = hex.slice(0, 8).join(' ')
    const right = hex.slice(8).join(' ')
    const ascii = Array.from(row, (b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : '.')).join('')
    lines.push(`${at.toString(16).padStart(6, '0')}  ${`${left}  ${right}`.padEnd(48)}  ${ascii}`)
  }
  return lines.join('\n')
}

/** One kind of what JSON is made of, for its colour. */
export interface Token {
  kind: 'key' | 'string' | 'number' | 'word' | 'plain'
  text: string
}

/** JSON in pieces of one kind each. */
export function tokens(json: string): Token[] {
  const found: Token[] = []
  const pattern = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g
  let at = 0
  for (const match of json.matchAll(pattern)) {
    if (match.index > at) found.push({ kind: 'plain', text: json.slice(at, match.index) })
    at = match.index + match[0].length
    if (match[1] !== undefined && match[2] !== undefined) {
      found.push({ kind: 'key', text: match[1] }, { kind: 'plain', text: match[2] })
    } else {
      const kind = match[1] !== undefined ? 'string' : match[3] !== undefined ? 'number' : 'word'
      found.push({ kind, text: match[0] })
    }
  }
  if (at < json.length) found.push({ kind: 'plain', text: json.slice(at) })
  return found
}

/** A payload in one line of little room. */
export function preview(bytes: Uint8Array, limit = 160): string {
  const text = asText(bytes.subarray(0, limit * 4))
  if (text === null) {
    return bytes.length === 0 ? '' : Array.from(bytes.subarray(0, 24), (b) => b.toString(16).padStart(2, '0')).join(' ')
  }
  const line = text.replace(/\s+/g, ' ')
  return line.length > limit ? `${line.slice(0, limit)}…` : line
}
