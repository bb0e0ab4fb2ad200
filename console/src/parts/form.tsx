import type { ComponentChildren } from 'preact'

/** A control with its name above it. */
export function Field({ name, class: at, children }: { name: string; class?: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is what it is given
    <label class={`field ${at ?? ''}`}>
      <span>{name}</span>
      {children}
    </label>
  )
}

interface TextProps {
  name: string
  value: string
  set: (value: string) => void
  class?: string
  placeholder?: string
  mono?: boolean
  type?: 'text' | 'password' | 'number'
  list?: string
  required?: boolean
  autocomplete?: string
  min?: number
}

/** A line of text. */
export function Text(p: TextProps) {
  return (
    <Field name={p.name} class={p.class ?? ''}>
      <input
        class={`input ${p.mono ? 'mono' : ''}`}
        type={(p.type ?? 'text') as 'text'}
        value={p.value}
        onInput={(e) => p.set(e.currentTarget.value)}
        placeholder={p.placeholder}
        list={p.list}
        required={p.required}
        min={p.min}
        autocomplete={p.autocomplete ?? 'off'}
        autocapitalize="none"
        spellcheck={false}
      />
    </Field>
  )
}

/** One of a few. */
export function Segments<T extends string>(p: {
  label: string
  value: T
  of: readonly (readonly [T, string])[]
  set: (value: T) => void
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is no inline box
    <div class="segments" role="group" aria-label={p.label}>
      {p.of.map(([value, text]) => (
        <button key={value} type="button" aria-pressed={value === p.value} onClick={() => p.set(value)}>
          {text}
        </button>
      ))}
    </div>
  )
}

export function Check(p: { name: string; value: boolean; set: (value: boolean) => void; class?: string }) {
  return (
    <label class={`check ${p.class ?? ''}`}>
      <input type="checkbox" checked={p.value} onChange={(e) => p.set(e.currentTarget.checked)} />
      {p.name}
    </label>
  )
}

export function QoS(p: { value: number; set: (value: number) => void; name?: string; class?: string }) {
  return (
    <Field name={p.name ?? 'QoS'} class={p.class ?? ''}>
      <select class="input" value={String(p.value)} onChange={(e) => p.set(Number(e.currentTarget.value))}>
        <option value="0">0, at most once</option>
        <option value="1">1, at least once</option>
        <option value="2">2, exactly once</option>
      </select>
    </Field>
  )
}
