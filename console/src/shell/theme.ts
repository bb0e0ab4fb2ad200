// Dark, light, or as the system has it: kept in the browser, and told to whoever draws by itself.

import { useEffect, useState } from 'preact/hooks'

export type Theme = 'auto' | 'light' | 'dark'

const key = 'dunlin.theme'
const changed = new EventTarget()
const system = matchMedia('(prefers-color-scheme: dark)')

export function theme(): Theme {
  const kept = localStorage.getItem(key)
  return kept === 'light' || kept === 'dark' ? kept : 'auto'
}

export function setTheme(next: Theme): void {
  if (next === 'auto') localStorage.removeItem(key)
  else localStorage.setItem(key, next)
  apply()
  changed.dispatchEvent(new Event('change'))
}

export function apply(): void {
  const now = theme()
  if (now === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = now
}

/** Is another value whenever colours are others. */
export function useTheme(): string {
  const now = () => `${theme()} ${system.matches}`
  const [value, setValue] = useState(now)
  useEffect(() => {
    const update = () => setValue(now())
    changed.addEventListener('change', update)
    system.addEventListener('change', update)
    return () => {
      changed.removeEventListener('change', update)
      system.removeEventListener('change', update)
    }
  }, [])
  return value
}
