import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Served } from '../api/client'
import type { Point } from '../api/history'
import type { Me, Overview } from '../api/types'

/** What every page may want to know. */
export interface Console {
  me: Me
  served: Served
  overview: Overview | undefined
  /** Why the overview is not a newer one. */
  error: Error | undefined
  points: readonly Point[]
}

export const ConsoleContext = createContext<Console | null>(null)

export function useConsole(): Console {
  const value = useContext(ConsoleContext)
  if (!value) throw new Error('a page outside of the console')
  return value
}

/** Whether the one who is signed in may change something. The broker asks again; here it is to not offer it. */
export function useMayWrite(): boolean {
  return useConsole().me.role === 'Write'
}
