import type { ComponentType } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import * as api from '../api/client'
import { extend, interval, type Point, point } from '../api/history'
import { authorization, signOut } from '../api/session'
import type { Me, Overview } from '../api/types'
import { Access } from '../pages/access'
import { ClientPage } from '../pages/client'
import { Clients } from '../pages/clients'
import { OverviewPage } from '../pages/overview'
import { Topics } from '../pages/topics'
import { Trace } from '../pages/trace'
import { Try } from '../pages/try'
import { Empty, Failed } from '../parts/notice'
import { usePoll } from '../parts/poll'
import { ConsoleContext } from './context'
import { Nav, pages } from './nav'
import { type Route, useRoute } from './route'
import { SignIn } from './signin'

const unknown: api.Served = { name: '', webSocket: '' }

/** The whole of it: the sign-in until somebody is, then the pages. */
export function App() {
  const [served, setServed] = useState<api.Served>()
  const [me, setMe] = useState<Me>()
  const [why, setWhy] = useState('')
  const [error, setError] = useState<Error>()
  const [asked, setAsked] = useState(0)

  useEffect(() => {
    const start = async () => {
      setServed(await api.served().catch(() => unknown))
      try {
        setMe(await api.me())
        setError(undefined)
      } catch (failed) {
        if ((failed as api.Refused).status === 401) {
          if (authorization()) setWhy('Signed out: what you signed in with is not accepted any more.')
          signOut()
          setError(undefined)
          setMe(undefined)
        } else setError(failed as Error)
      }
      setAsked((n) => n + 1)
    }
    void start()
  }, [])

  if (!served || asked === 0) return null
  if (error && !me) {
    return (
      <main class="signin">
        <div class="stack">
          <Failed error={error} />
          <button type="button" class="button" onClick={() => location.reload()}>
            Try again
          </button>
        </div>
      </main>
    )
  }
  if (!me) return <SignIn served={served} why={why} done={() => location.reload()} />
  return <Pages me={me} served={served} />
}

/** The pages, and the overview that is asked for behind each: plots go on, and the badge is true everywhere. */
function Pages({ me, served }: { me: Me; served: api.Served }) {
  const route = useRoute()
  const polled = usePoll(api.overview, interval, [], true)
  const before = useRef<Overview | undefined>(undefined)
  const points = useRef<Point[]>([])
  const main = useRef<HTMLElement>(null)
  const now = polled.data
  if (now && now !== before.current) {
    points.current = extend(points.current, point(now, before.current))
    before.current = now
  }

  const expired = (polled.error as api.Refused | undefined)?.status === 401
  useEffect(() => {
    if (expired) location.reload()
  }, [expired])

  const title = pages.find(([id]) => id === route.page)?.[1] ?? (route.rest || 'Dunlin')
  useEffect(() => {
    document.title = `${title} · ${served.name || 'Dunlin'}`
  }, [title])

  const Page = choose(route)
  return (
    <ConsoleContext.Provider value={{ me, served, overview: now, error: polled.error, points: points.current }}>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the page
      </button>
      <div class="frame">
        <Nav page={route.page} signedIn={authorization() !== ''} />
        <main class="page" ref={main} tabindex={-1} key={`${route.page}/${route.rest}`}>
          <Page route={route} />
        </main>
      </div>
    </ConsoleContext.Provider>
  )
}

function choose(route: Route): ComponentType<{ route: Route }> {
  switch (route.page) {
    case 'overview':
      return OverviewPage
    case 'clients':
      return route.rest ? ClientPage : Clients
    case 'topics':
      return Topics
    case 'access':
      return Access
    case 'trace':
      return Trace
    case 'try':
      return Try
    default:
      return NoPage
  }
}

function NoPage() {
  return <Empty title="There is no such page">Choose one of those at the side.</Empty>
}
