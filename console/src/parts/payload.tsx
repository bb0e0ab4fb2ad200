import { useState } from 'preact/hooks'
import { bytes as size } from '../text/format'
import { asHex, asJSON, asText, hexLimit, tokens } from '../text/payload'
import { Segments } from './form'

/** JSON in colours. */
export function JSONText({ text }: { text: string }) {
  return (
    <>
      {tokens(text).map((t, i) => (
        <span key={i} class={t.kind === 'plain' ? undefined : t.kind === 'number' ? 'json-number' : t.kind}>
          {t.text}
        </span>
      ))}
    </>
  )
}

type View = 'json' | 'text' | 'hex'

/** A payload as the best of JSON, text and hexadecimal, and the choice of the others. */
export function Payload({ bytes }: { bytes: Uint8Array }) {
  const [chosen, choose] = useState<View>()
  const text = asText(bytes)
  const json = asJSON(text)
  const possible: (readonly [View, string])[] = [
    ...(json !== null ? [['json', 'JSON'] as const] : []),
    ...(text !== null ? [['text', 'Text'] as const] : []),
    ['hex', 'Hex'],
  ]
  const shown = possible.find(([v]) => v === chosen)?.[0] ?? possible[0]![0]
  if (bytes.length === 0) return <p class="muted">The payload is empty.</p>
  return (
    <div class="stack">
      <Segments label="Show the payload as" value={shown} of={possible} set={choose} />
      <pre class={`code ${shown === 'hex' ? 'fixed' : ''}`} tabindex={0}>
        {shown === 'json' && <JSONText text={json!} />}
        {shown === 'text' && text}
        {shown === 'hex' && asHex(bytes)}
      </pre>
      {shown === 'hex' && bytes.length > hexLimit && (
        <p class="muted">
          The first {size(hexLimit)} of {size(bytes.length)}.
        </p>
      )}
    </div>
  )
}
