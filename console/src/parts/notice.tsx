import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from './icons'

/** A place where there is nothing, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children && <p>{children}</p>}
    </div>
  )
}

/** Something to be told, with its remedy. */
export function Note(props: { kind: 'bad' | 'warn' | 'good'; children: ComponentChildren; live?: boolean }) {
  const icon: IconName = props.kind
  return (
    <div class={`note ${props.kind}`} role={props.live ? 'alert' : undefined}>
      <Icon name={icon} />
      <div>{props.children}</div>
    </div>
  )
}

/** Why there is nothing, or nothing newer, to see. */
export function Failed({ error, stale }: { error: Error | undefined; stale?: boolean }) {
  if (!error) return null
  return (
    <Note kind="warn" live>
      <p>
        {stale && <b>Not up to date. </b>}
        {error.message}
      </p>
    </Note>
  )
}
