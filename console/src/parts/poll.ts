import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

/** What is asked for again and again: the last answer, and why there is no newer one. */
export interface Polled<T> {
  data: T | undefined
  error: Error | undefined
  /** Asks now. */
  refresh: () => void
}

/**
 * Asks at once, whenever one of inputs changes, and every so many seconds while the page is seen. What has been answered
 * stays when a later call fails; it goes when inputs change, unless keep. Seconds of 0 ask once.
 */
export function usePoll<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  seconds: number,
  inputs: unknown[],
  keep = false,
): Polled<T> {
  const [answer, setAnswer] = useState<{ data?: T; error?: Error }>({})
  const asking = useRef(ask)
  asking.current = ask
  const again = useRef<() => void>(() => {})

  useEffect(() => {
    const over = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let busy = false
    if (!keep) setAnswer({})
    const run = async () => {
      clearTimeout(timer)
      if (busy) return
      busy = true
      try {
        const data = await asking.current(over.signal)
        if (!over.signal.aborted) setAnswer({ data })
      } catch (error) {
        if (!over.signal.aborted) setAnswer((before) => ({ ...before, error: error as Error }))
      }
      busy = false
      if (!over.signal.aborted && seconds > 0 && !document.hidden) timer = setTimeout(run, seconds * 1000)
    }
    const seen = () => {
      if (!document.hidden) void run()
    }
    document.addEventListener('visibilitychange', seen)
    again.current = () => void run()
    void run()
    return () => {
      over.abort()
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', seen)
    }
  }, [seconds, ...inputs])

  const refresh = useCallback(() => again.current(), [])
  return { data: answer.data, error: answer.error, refresh }
}

/** A value once it has stood still for so many milliseconds. */
export function useSettled<T>(value: T, milliseconds: number): T {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds)
    return () => clearTimeout(timer)
  }, [value, milliseconds])
  return settled
}
