import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Failed } from './notice'

interface Props {
  title: string
  action: string
  children: ComponentChildren
  /** Does it; the dialog closes when it is done, and shows why it could not be. */
  confirm: () => Promise<void>
  close: () => void
}

/** Asks before something is done that cannot be undone. The browser keeps the focus inside, and Escape closes. */
export function Confirm({ title, action, children, confirm, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<Error>()
  useEffect(() => dialog.current?.showModal(), [])
  const submit = async (e: Event) => {
    e.preventDefault()
    setBusy(true)
    try {
      await confirm()
      close()
    } catch (failed) {
      setError(failed as Error)
      setBusy(false)
    }
  }
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onClose={close}>
      <form onSubmit={submit}>
        <h2 id="dialog-title">{title}</h2>
        <div class="stack">
          {children}
          <Failed error={error} />
        </div>
        <div class="actions">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button danger solid" disabled={busy}>
            {action}
          </button>
        </div>
      </form>
    </dialog>
  )
}
