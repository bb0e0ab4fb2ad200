// node scenes.mjs OPTIONS: go through the console as a person would. Each scene's end is a line of JSON.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { begin, equal, hold, launch, open, options, patience, report, signIn, until, visit } from './stage.mjs'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const row = (page, text) => page.getByRole('row').filter({ hasText: text })
const number = (text) => Number(text.replace(/[^0-9.]/g, ''))

/** The value of a tile of the overview. */
const tile = async (page, name) =>
  number((await page.locator('.tile', { hasText: name }).locator('dd').innerText()).split('\n')[0])

/**
 * What the page's thread computed until something was painted, with nothing cached, in milliseconds of its processor: on a
 * quiet machine that is when the first paint is, and on a busy one it says the same.
 */
async function firstPaint(browser) {
  const { page, close } = await open(browser)
  const chrome = await page.context().newCDPSession(page)
  await chrome.send('Performance.enable', { timeDomain: 'threadTicks' })
  await page.goto(options.url)
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0)
  const { metrics } = await chrome.send('Performance.getMetrics')
  await close()
  return metrics.find((m) => m.name === 'TaskDuration').value * 1000
}

const scenes = {
  async 'a wrong token is refused'(page) {
    await page.goto(options.url)
    await page.getByLabel('Token', { exact: true }).fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('The broker does not know this token.').waitFor()
    equal('pages', await page.getByRole('navigation').count(), 0)
    equal('kept', await page.evaluate(() => sessionStorage.length + localStorage.length + document.cookie.length), 0)
  },

  async 'a wrong password is refused'(page) {
    await page.goto(options.url)
    await page.getByRole('button', { name: 'User and password' }).click()
    await page.getByLabel('User name').fill('alice')
    await page.getByLabel('Password', { exact: true }).fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('The user name or password is not right').waitFor()
  },

  async 'an operator signs in by name and password, and out'(page) {
    await page.goto(options.url)
    await page.getByRole('button', { name: 'User and password' }).click()
    await page.getByLabel('User name').fill('alice')
    await page.getByLabel('Password', { exact: true }).fill(options.password)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await page.getByText('Administrator').waitFor()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  },

  async 'the overview is true'(page) {
    await signIn(page, options.writeToken)
    const paint = await firstPaint(page.context().browser())
    if (!(paint > 0 && paint < 1000))
      throw new Error(`the first paint took ${paint} ms of processor, want less than 1000`)
    await until(
      'connections',
      async () => (await tile(page, 'Connections')) === options.connections || tile(page, 'Connections'),
    )
    await until('messages in', async () => (await tile(page, 'Messages in')) > 50 || tile(page, 'Messages in'))
    await row(page, 'wss').getByText('/mqtt').waitFor()
    await page.getByText('Access denied').waitFor()
    await until(
      'plots',
      async () => (await page.locator('.plot canvas').count()) === 8 || page.locator('.plot canvas').count(),
    )
    const label = await page.getByRole('img', { name: /^Messages/ }).getAttribute('aria-label')
    if (!/in \d+/.test(label)) throw new Error(`the plot of messages says ${label}`)
  },

  async 'a client is found, and disconnected'(page) {
    await begin(page, 'clients')
    await row(page, 'dashboard').waitFor()
    await page.getByLabel('Search').fill('ss-07')
    await until(
      'found',
      async () => (await page.locator('tbody tr').count()) === 1 || page.locator('tbody').innerText(),
    )
    await page.getByRole('link', { name: 'press-07' }).click()
    await page.getByRole('heading', { name: 'press-07' }).waitFor()
    await row(page, 'plant/line1/press-07/command').waitFor()
    await page.getByText('MQTT 5.0').waitFor()
    await page.getByText('plant/line1/press-07/status').waitFor() // its will
    await page.getByRole('button', { name: 'Disconnect' }).click()
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('dialog').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Disconnect' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click()
    await page.getByText('Away').first().waitFor()
  },

  async 'a client is found in a crowd, by pages and by search'(page) {
    await begin(page, 'clients')
    const where = page.locator('.pager .number')
    const total = (options.sessions + options.connections + 1).toLocaleString('en') // one is away
    const shows = (text) => until(text, async () => (await where.innerText()) === text || where.innerText())
    await shows(`1 to 50 of ${total}`)
    const answer = await hold(page, /after=/)
    await page.getByRole('button', { name: 'Next' }).click()
    await page.getByRole('button', { name: 'Next' }).click() // impatient: it is the same page's that is seen
    equal('while the next page is asked for', await where.innerText(), `1 to 50 of ${total}`)
    await answer()
    await shows(`51 to 100 of ${total}`)
    await page.getByRole('button', { name: 'Next' }).click()
    await shows(`101 to 150 of ${total}`)
    await row(page, 'sensor-000099').waitFor()
    await page.getByRole('button', { name: 'Previous' }).click()
    await shows(`51 to 100 of ${total}`)
    const last = `sensor-${String(options.sessions - 1).padStart(6, '0')}`
    await page.getByLabel('Search').fill(last.slice(3, -1))
    await shows('1 to 10 of 10')
    await page.getByRole('link', { name: last }).click()
    await page.getByRole('heading', { name: last }).waitFor()
    await page.getByText('Away').first().waitFor()
  },

  async 'a session that is away is told from one that is connected'(page) {
    await begin(page, 'clients')
    await page.getByRole('button', { name: 'Away' }).click()
    await until('away', async () => {
      const rows = await page.locator('tbody tr').allInnerTexts()
      return rows.some((r) => r.includes('historian')) && !rows.some((r) => r.includes('dashboard')) ? true : rows
    })
    await page.getByRole('link', { name: 'historian' }).click()
    await page
      .getByText(/[1-9]\d* messages?, /)
      .first()
      .waitFor() // its queue
    await page.goto(`${options.url}#/clients/nobody`)
    await page.getByText('There is no such client').waitFor()
  },

  async 'topics are a tree with rates, by keyboard; a retained message is cleared'(page) {
    await begin(page, 'topics')
    const item = (name) => page.getByRole('treeitem').filter({ has: page.getByText(name, { exact: true }) })
    await item('plant').focus()
    for (const next of ['line2', 'press-02', 'status']) {
      await page.keyboard.press('ArrowRight')
      await item(next).waitFor()
      await until(`at ${next}`, async () => {
        const here = await page.evaluate(
          () => document.activeElement?.getAttribute('title') ?? document.activeElement?.textContent,
        )
        if (here?.includes(next)) return true
        await page.keyboard.press('ArrowDown')
        return here
      })
    }
    await page.keyboard.press('Enter')
    await page.getByText('"running"').waitFor()
    await until(
      'rate',
      async () => /[1-9]/.test(await item('plant').locator('.figure').first().innerText()) || item('plant').innerText(),
    )
    await page.getByRole('button', { name: 'Hex' }).click()
    await page.getByText('7b 22 73 74').waitFor() // {"st
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Clear' }).click()
    await page.getByText('Nothing is retained here').waitFor()
  },

  async 'a denial is there, and its rule is found'(page) {
    await begin(page, 'access')
    const denied = page.getByLabel('Last denials')
    await denied.getByText('plant/line2/press-05/command').first().waitFor()
    await denied.getByRole('button', { name: 'Why?' }).first().click()
    const asked = page.getByRole('region', { name: 'Ask', exact: true })
    await asked.getByText('Denied', { exact: true }).waitFor()
    const answer = await hold(page, /user=alice/)
    await asked.getByRole('combobox', { name: 'User' }).fill('alice')
    await asked.getByLabel('Client identifier').fill('')
    await asked.getByText('Asking …').waitFor()
    equal('verdicts on another question', await asked.getByText('Denied', { exact: true }).count(), 0)
    await answer()
    await asked.getByText('Allowed', { exact: true }).waitFor()
    await asked.locator('tr.decides').getByText('plant/operators').first().waitFor()
    const rules = page.getByRole('region', { name: 'Rules', exact: true })
    await rules.getByRole('button', { name: 'Unused' }).click()
    await rules.getByText('plant/maintenance').first().waitFor()
    equal('used rules among the unused', await rules.getByText('plant/watchers').count(), 0)
  },

  async 'a trace shows one client, pauses and is saved'(page) {
    await begin(page, 'trace')
    await page.getByLabel('Client identifier').fill('press-03')
    await page.getByRole('button', { name: 'Start' }).click()
    await page.getByText('plant/line3/press-03/power').first().waitFor()
    await page.getByText('PUBACK').first().waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText(/more since the pause/).waitFor()
    const rows = await page.locator('.packets tbody tr').count()
    await page.getByText(/[1-9]\d more since the pause/).waitFor()
    equal('rows while it pauses', await page.locator('.packets tbody tr').count(), rows)
    await page.getByRole('button', { name: 'PUBLISH' }).first().click()
    await page.getByText('application/json').or(page.locator('.opened pre')).first().waitFor()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save' }).click(),
    ])
    const events = readFileSync(await download.path(), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    equal('clients in the file', [...new Set(events.map((e) => e.client))], ['press-03'])
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByText('Stopped').waitFor()
  },

  async 'a message is published and comes back'(page) {
    await begin(page, 'try')
    const form = (name) => page.locator('section', { has: page.getByRole('heading', { name, exact: true }) })
    await until(
      'address',
      async () =>
        (await page.getByLabel('Address').inputValue()).startsWith('wss://127.0.0.1') ||
        page.getByLabel('Address').inputValue(),
    )
    await page.getByLabel('User').fill('alice')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Connect' }).click()
    await page
      .getByText('the user name or password is not right')
      .or(page.getByText('not authorized'))
      .first()
      .waitFor()
    await page.getByLabel('Password').fill(options.password)
    await page.getByRole('button', { name: 'Connect' }).click()
    await form('Subscriptions').getByLabel('Topic filter').fill('try/+/result')
    await form('Subscriptions').getByRole('button', { name: 'Subscribe', exact: true }).click()
    await page.getByRole('button', { name: 'Unsubscribe from try/+/result' }).waitFor()
    await form('Subscriptions').getByLabel('Topic filter').fill('secrets/#')
    await form('Subscriptions').getByRole('button', { name: 'Subscribe', exact: true }).click()
    await page.getByText(/refuses it: not authorized/).waitFor()
    const publish = form('Publish')
    await publish.getByLabel('Topic', { exact: true }).fill('try/1/result')
    await publish.getByLabel('Payload').fill('{"sum":42,"ok":true}')
    await publish.getByText('Properties of MQTT 5').click()
    await publish.getByLabel('Content type').fill('application/json')
    await publish.getByLabel('User properties').fill('trace=abc\nstep=1')
    await publish.getByRole('button', { name: 'Publish' }).click()
    await publish.getByText('Accepted by the broker.').waitFor()
    const message = page.locator('.message').first()
    await message.getByText('"sum"').waitFor()
    for (const text of ['try/1/result', 'application/json', 'abc']) await message.getByText(text).waitFor()
    await publish.getByLabel('Topic', { exact: true }).fill('secrets/door')
    await publish.getByRole('button', { name: 'Publish' }).click()
    await publish.getByText(/refuses it: not authorized/).waitFor()
    await visit(page, 'Clients')
    await page.getByLabel('Search').fill('console-')
    await row(page, 'alice').getByText('wss').waitFor() // it goes on while other pages are looked at
  },

  async 'who may only read is offered nothing else, and may do nothing else'(page) {
    await signIn(page, options.readToken)
    await page.getByText('Read only').waitFor()
    await page.goto(`${options.url}#/clients/press-01`)
    await page.getByRole('heading', { name: 'press-01' }).waitFor()
    equal('buttons to disconnect', await page.getByRole('button', { name: 'Disconnect' }).count(), 0)
    await page.goto(`${options.url}#/topics/plant%2Fline1%2Fpress-01%2Fstatus`)
    await page.getByText('"running"').waitFor()
    equal('buttons to clear', await page.getByRole('button', { name: 'Clear' }).count(), 0)
    const status = await page.evaluate(async () => {
      const headers = { Authorization: sessionStorage.getItem('dunlin.authorization') }
      return (await fetch('./v1/clients/press-01', { method: 'DELETE', headers })).status
    })
    equal('DELETE by hand', status, 403)
  },

  async 'a broker that is out of reach is said to be'(page) {
    await begin(page)
    await page.getByText('Connections').first().waitFor()
    await page.context().setOffline(true)
    await page.getByText('Not up to date.').waitFor()
    await page.context().setOffline(false)
    await until('up to date again', async () => (await page.getByText('Not up to date.').count()) === 0)
  },

  async 'the colours are switched and stay'(page) {
    await begin(page)
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const before = await ground()
    await page.getByRole('button', { name: /^Colours/ }).click() // light
    await page.getByRole('button', { name: /^Colours/ }).click() // dark
    const dark = await ground()
    if (dark === before) throw new Error(`dark and light are both ${dark}`)
    await page.reload()
    await until('dark after a reload', async () => (await ground()) === dark)
  },
}

/** Every page, in either colours, on a desk and on a phone: no rule of axe is broken, and nothing is wider than the screen. */
async function accessible(browser) {
  for (const colorScheme of ['dark', 'light']) {
    const { page, close } = await open(browser, { colorScheme })
    const check = async (name) => {
      await page.evaluate(axe)
      // All rules once; what the colours change is contrast.
      const rules = colorScheme === 'dark' ? {} : { runOnly: ['color-contrast'] }
      const found = await page.evaluate((rules) => window.axe.run({ resultTypes: ['violations'], ...rules }), rules)
      const violations = found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 200)).join(' ')}`)
      for (const width of colorScheme === 'dark' ? [900, 400] : []) {
        await page.setViewportSize({ width, height: 860 })
        const over = () =>
          page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
        // Plots follow a frame later.
        await until(`${name} fits ${width} px`, async () => (await over()) <= 0 || over()).catch((e) =>
          violations.push(e.message),
        )
      }
      await page.setViewportSize({ width: 1360, height: 860 })
      report(`accessible/${name}/${colorScheme}`, violations.length > 0 ? violations.join('\n') : null)
    }
    await page.goto(options.url)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await check('sign in')
    await signIn(page, options.writeToken)
    await page.locator('.plot canvas').first().waitFor()
    await check('overview')
    for (const [hash, ready] of [
      ['clients', 'press-01'],
      ['clients/press-01', 'Keep alive'],
      ['topics/plant%2Fline1%2Fpress-01%2Fstatus', '"running"'],
      ['access?user=alice&action=Publish&topic=plant%2Fline1%2Fpress-01%2Fcommand', 'Allowed'],
      ['trace?client=press-01', 'PUBLISH'],
      ['try', 'Not connected'],
    ]) {
      await page.goto(`${options.url}#/${hash}`)
      await page.getByText(ready).first().waitFor()
      await check(hash.replace(/[/?].*/, (rest) => (rest.startsWith('/p') ? '-one' : '')))
    }
    await close()
  }
}

const browser = await launch()
for (const [name, scene] of Object.entries(scenes)) {
  const { page, breaches, close } = await open(browser)
  let failed = null
  try {
    await scene(page)
    const wrong = await breaches()
    // WebSockets are no requests, and a page that is offline has errors of its own.
    if (wrong.length > 0) failed = new Error(wrong.join('\n'))
  } catch (e) {
    failed = new Error(
      `${e.message.slice(0, 2000)}\nThe page: ${(await page.locator('body').innerText({ timeout: patience })).slice(0, 2000)}`,
    )
  }
  report(name, failed)
  await close()
}
await accessible(browser)
await browser.close()
