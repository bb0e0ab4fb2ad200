// What every script does: Chromium, signed in at the console, and an eye on what goes wrong in it.
import { chromium } from 'playwright-core'

export const patience = 30_000

/** The options that the test gives, as one argument of JSON. */
export const options = JSON.parse(process.argv[2])

/** Prints how something went: a line of JSON. */
export function report(name, error) {
  console.log(JSON.stringify({ name, error: error ? String(error.message ?? error) : null }))
}

/** Chromium, which trusts the broker's certificate and no other that is not good. */
export async function launch() {
  return chromium.launch({
    executablePath: options.chromium,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
      '--font-render-hinting=none',
      `--ignore-certificate-errors-spki-list=${options.keyPin}`,
    ],
  })
}

/** A page of its own, and what went wrong in it: errors, breaches of the policy, and requests of other origins. */
export async function open(browser, context = {}) {
  const own = await browser.newContext({ viewport: { width: 1360, height: 860 }, reducedMotion: 'reduce', ...context })
  own.setDefaultTimeout(patience)
  const page = await own.newPage()
  const wrong = []
  page.on('pageerror', (e) => wrong.push(`error: ${e.message}`))
  page.on('console', (m) => {
    // A refused call is told by the browser itself; that is what some scenes are about.
    if (m.type() === 'error' && !m.text().startsWith('Failed to load resource')) wrong.push(`console: ${m.text()}`)
  })
  page.on('request', (r) => {
    if (new URL(r.url()).origin !== new URL(options.url).origin && !r.url().startsWith('blob:'))
      wrong.push(`request: ${r.url()}`)
  })
  await page.addInitScript(() => {
    window.breaches = []
    document.addEventListener('securitypolicyviolation', (e) =>
      window.breaches.push(`${e.violatedDirective} ${e.blockedURI}`),
    )
  })
  const breaches = async () => [...wrong, ...(await page.evaluate(() => window.breaches))]
  return { page, breaches, close: () => own.close() }
}

/** Signs in by a token, as a person would. */
export async function signIn(page, token) {
  await page.goto(options.url)
  await page.getByLabel('Token', { exact: true }).fill(token)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
}

/** Is signed in already, as in a tab that stays open, and goes to a page. */
export async function begin(page, hash = 'overview', token = options.writeToken) {
  await page.addInitScript((token) => sessionStorage.setItem('dunlin.authorization', `Bearer ${token}`), token)
  await page.goto(`${options.url}#/${hash}`)
  await page.locator('h1').waitFor()
}

/** Goes to a page by its link. */
export async function visit(page, name) {
  await page.getByRole('navigation').getByRole('link', { name }).click()
  await page.getByRole('heading', { name, level: 1 }).waitFor()
}

/** Keeps the answers to such requests back until the function that it returns is called. */
export async function hold(page, url) {
  let release
  const released = new Promise((done) => {
    release = done
  })
  await page.route(url, async (route) => {
    await released
    await route.fallback().catch(() => {}) // nobody waits for it any more
  })
  return async () => {
    release()
    await page.unroute(url)
  }
}

/** Waits until something is so, by what it returns. */
export async function until(what, test) {
  const late = Date.now() + patience
  let last
  while (Date.now() < late) {
    last = await test()
    if (last === true) return
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new Error(`${what}: ${JSON.stringify(last)}`)
}

export function equal(what, got, want) {
  if (JSON.stringify(got) !== JSON.stringify(want)) {
    throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`)
  }
}
