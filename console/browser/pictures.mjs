// node pictures.mjs OPTIONS: each page, dark and light, with the plant's traffic in it, into the folder options.pictures.
import { begin, launch, open, options, patience, report } from './stage.mjs'

const browser = await launch()
const { page, close } = await open(browser, {
  colorScheme: 'dark',
  deviceScaleFactor: 1,
  viewport: { width: 1280, height: 800 },
})

/** A page of the console in both colours. It is looked at from its top, and nothing has the focus. */
async function picture(name) {
  await page.evaluate(() => {
    document.activeElement?.blur()
    scrollTo(0, 0)
  })
  await page.mouse.move(0, 0)
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: `${options.pictures}/console-${name}-${colorScheme}.png`, animations: 'disabled' })
    report(`console-${name}-${colorScheme}`, null)
  }
}

const visit = async (hash, ready) => {
  await page.evaluate((hash) => {
    location.hash = hash
  }, hash)
  await page.getByText(ready).first().waitFor()
}

// The plots first: they go on behind every other page.
await begin(page)
const section = (name) => page.locator('section', { has: page.getByRole('heading', { name, exact: true }) })

await visit('/try', 'Not connected')
await page.getByLabel('User').fill('alice')
await page.getByLabel('Password').fill(options.password)
await page.getByRole('button', { name: 'Connect' }).click()
for (const filter of ['plant/line1/+/temperature', 'try/#']) {
  await section('Subscriptions').getByLabel('Topic filter').fill(filter)
  await section('Subscriptions').getByRole('button', { name: 'Subscribe', exact: true }).click()
  await page.getByRole('button', { name: `Unsubscribe from ${filter}` }).waitFor()
}
await page.getByText('plant/line1/press-01/temperature').first().waitFor()
await page.getByRole('button', { name: 'Unsubscribe from plant/line1/+/temperature' }).click()
await page.getByRole('button', { name: 'Unsubscribe from plant/line1/+/temperature' }).waitFor({ state: 'detached' })
const publish = section('Publish')
await publish.getByLabel('Topic', { exact: true }).fill('try/recipe/7')
await publish
  .getByLabel('Payload')
  .fill('{"recipe": 7, "steps": ["heat", "press", "cool"], "seconds": 42.5, "dry": true}')
await publish.getByText('Properties of MQTT 5').click()
await publish.getByLabel('Content type').fill('application/json')
await publish.getByLabel('User properties').fill('trace=4bf92f3577b34da6')
await publish.getByRole('button', { name: 'Publish' }).click()
await publish.getByText('Accepted by the broker.').waitFor()
await publish.getByText('Properties of MQTT 5').click()
await page.locator('.messages').evaluate((e) => e.scrollTo(0, 0))
await picture('try')

await visit('/clients', 'press-20')
await picture('clients')
await visit('/clients/press-05', 'Keep alive')
await page.waitForTimeout(2500)
await picture('client')
await visit('/topics/plant%2Fline2%2Fpress-05%2Fstatus', '"running"')
await page.getByText('vibration').first().waitFor()
await page.waitForTimeout(2500)
await picture('topics')
await visit('/access?user=line2&client=press-05&action=Publish&topic=plant%2Fline2%2Fpress-05%2Fcommand', 'Denied')
await page.getByLabel('Last denials').getByText('press-05').first().waitFor()
await picture('access')
await page.setViewportSize({ width: 1280, height: 660 }) // many small letters are many bytes
await visit('/trace?user=line2', 'PUBACK')
await page.waitForTimeout(4000)
await page.getByRole('button', { name: 'Pause' }).click()
await picture('trace')

await page.setViewportSize({ width: 1360, height: 800 })
await visit('/overview', 'Listeners')
// Until the plots have a minute and a half to show.
await page.waitForFunction(() => performance.now() > 100_000, null, { timeout: 110_000 + patience })
await picture('overview')
await close()
await browser.close()
