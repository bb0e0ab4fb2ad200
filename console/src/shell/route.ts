// Pages are behind the #: the console is one file wherever it is served.

import { useEffect, useState } from 'preact/hooks'

export interface Route {
  page: string
  /** What follows the page, such as a client's identifier. */
  rest: string
  query: URLSearchParams
}

export function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  const [page = '', ...rest] = path.split('/')
  let decoded = ''
  try {
    decoded = decodeURIComponent(rest.join('/'))
  } catch {
    // a link that somebody has cut: as if there were none
  }
  return { page: page || 'overview', rest: decoded, query: new URLSearchParams(query) }
}

export function link(page: string, rest = '', query: Record<string, string> = {}): string {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '')).toString()
  return `#/${page}${rest ? `/${encodeURIComponent(rest)}` : ''}${parameters ? `?${parameters}` : ''}`
}

/** Goes to a page. Replace: Back does not come here again. */
export function go(to: string, replace = false): void {
  if (replace) {
    history.replaceState(null, '', to)
    dispatchEvent(new HashChangeEvent('hashchange'))
  } else {
    location.hash = to
  }
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parse(location.hash))
  useEffect(() => {
    const update = () => setRoute(parse(location.hash))
    addEventListener('hashchange', update)
    return () => removeEventListener('hashchange', update)
  }, [])
  return route
}
