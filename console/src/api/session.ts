// Who is signed in: the value of the Authorization header, for as long as the tab is open. There is no cookie, so no
// other page can call the admin API in this user's name.

const key = 'dunlin.authorization'

/** The Authorization header; '' is none, which is enough where a proxy adds its own. */
export function authorization(): string {
  return sessionStorage.getItem(key) ?? ''
}

export function signIn(header: string): void {
  sessionStorage.setItem(key, header)
}

export function signOut(): void {
  sessionStorage.removeItem(key)
}

export function bearer(token: string): string {
  return `Bearer ${token.trim()}`
}

/** HTTP Basic with any characters, as UTF-8 (RFC 7617). */
export function basic(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`)
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return `Basic ${btoa(binary)}`
}
