import { signOut } from '../api/session'
import { Icon, type IconName } from '../parts/icons'
import { useConsole } from './context'
import { link } from './route'
import { setTheme, type Theme, theme, useTheme } from './theme'

export const pages = [
  ['overview', 'Overview'],
  ['clients', 'Clients'],
  ['topics', 'Topics'],
  ['access', 'Access'],
  ['trace', 'Trace'],
  ['try', 'Try it'],
] as const satisfies readonly (readonly [IconName, string])[]

export function Brand({ name }: { name: string }) {
  return (
    <div class="brand">
      <img src="./dunlin.svg" alt="" width="28" height="28" />
      <div>
        <strong>Dunlin</strong>
        <span title={name}>{name}</span>
      </div>
    </div>
  )
}

const next: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' }
const called: Record<Theme, string> = { auto: 'as the system', light: 'light', dark: 'dark' }

function ThemeSwitch() {
  useTheme()
  const now = theme()
  const says = `Colours: ${called[now]}. Switch to ${called[next[now]]}`
  return (
    <button type="button" class="button bare icon" title={says} aria-label={says} onClick={() => setTheme(next[now])}>
      <Icon name={now} />
    </button>
  )
}

export function Nav({ page, signedIn }: { page: string; signedIn: boolean }) {
  const { me, served, overview } = useConsole()
  const problems = overview?.problems.length ?? 0
  const worst = overview?.problems.some((p) => p.severity === 'Error') ? 'bad' : 'warn'
  const leave = () => {
    signOut()
    location.reload()
  }
  return (
    <nav class="nav" aria-label="Pages">
      <Brand name={served.name || location.host} />
      <ul>
        {pages.map(([id, name]) => (
          <li key={id}>
            <a
              href={link(id)}
              aria-current={page === id || (page === 'client' && id === 'clients') ? 'page' : undefined}
            >
              <Icon name={id} />
              {name}
              {id === 'overview' && problems > 0 && (
                <span class={`badge ${worst}`}>
                  {problems}
                  <span class="hidden"> problems</span>
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
      <div class="foot">
        <span class="version">{overview?.version}</span>
        <div class="bar">
          <span class="badge" title={`Signed in as ${me.name}`}>
            {me.role === 'Write' ? 'Administrator' : 'Read only'}
          </span>
          <span>
            <ThemeSwitch />
            {signedIn && (
              <button type="button" class="button bare icon" title="Sign out" aria-label="Sign out" onClick={leave}>
                <Icon name="leave" />
              </button>
            )}
          </span>
        </div>
      </div>
    </nav>
  )
}
