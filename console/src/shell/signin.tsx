import { useState } from 'preact/hooks'
import { me, type Refused, type Served } from '../api/client'
import { basic, bearer, signIn, signOut } from '../api/session'
import { Segments, Text } from '../parts/form'
import { Failed } from '../parts/notice'
import { Brand } from './nav'

/** Asks who it is. Nothing is kept but in the tab's own storage, which goes with the tab. */
export function SignIn({ served, done, why }: { served: Served; done: () => void; why: string }) {
  const [by, setBy] = useState<'token' | 'password'>('token')
  const [token, setToken] = useState('')
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<Error | undefined>(why ? new Error(why) : undefined)

  const submit = async (e: Event) => {
    e.preventDefault()
    setBusy(true)
    setError(undefined)
    signIn(by === 'token' ? bearer(token) : basic(user, password))
    try {
      await me()
      done()
    } catch (failed) {
      signOut()
      const wrong =
        by === 'token'
          ? 'The broker does not know this token.'
          : 'The user name or password is not right, or this user is no administrator.'
      setError((failed as Refused).status === 401 ? new Error(wrong) : (failed as Error))
      setBusy(false)
    }
  }
  return (
    <main class="signin">
      <form class="panel" onSubmit={submit}>
        <Brand name={served.name || location.host} />
        <h1>Sign in</h1>
        <Segments
          label="Sign in with"
          value={by}
          of={[
            ['token', 'Token'],
            ['password', 'User and password'],
          ]}
          set={setBy}
        />
        {by === 'token' ? (
          <Text
            key="token"
            name="Token"
            type="password"
            value={token}
            set={setToken}
            required
            autocomplete="current-password"
            mono
          />
        ) : (
          <>
            <Text key="user" name="User name" value={user} set={setUser} required autocomplete="username" />
            <Text
              key="password"
              name="Password"
              type="password"
              value={password}
              set={setPassword}
              required
              autocomplete="current-password"
            />
          </>
        )}
        <Failed error={error} />
        <button type="submit" class="button primary" disabled={busy}>
          Sign in
        </button>
        <details>
          <summary>Where is the token?</summary>
          <p>On Kubernetes, in the Secret of the Broker:</p>
          <pre class="code">kubectl get secret BROKER-admin -o jsonpath='{'{.data.token}'}' | base64 -d</pre>
          <p>
            Of a local run, in the file <code>admin/token</code> of its state folder. <code>kubectl mqtt console</code>{' '}
            needs none.
          </p>
        </details>
      </form>
    </main>
  )
}
