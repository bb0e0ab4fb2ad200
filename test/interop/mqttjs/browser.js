// node browser.js OPTIONS: run the scenarios in headless Chromium, in the page at options.page, which has its own
// mqtt.js. Each scenario's result is a line of JSON. The profile is empty and new: options.profile.
const { chromium } = require('playwright-core')

async function main () {
  const options = JSON.parse(process.argv[2])
  const browser = await chromium.launchPersistentContext(options.profile, {
    executablePath: options.chromium,
    headless: true,
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
      `--ignore-certificate-errors-spki-list=${options.keyPin}`
    ]
  })
  const page = await browser.newPage()
  page.on('pageerror', (e) => console.error(String(e)))
  page.on('console', (m) => console.error(m.text()))
  await page.exposeFunction('report', (name, error) => console.log(JSON.stringify({ name, error })))
  await page.goto(options.page)
  await page.evaluate((options) => {
    options.native = true
    options.report = window.report
    return window.interop(window.mqtt, options)
  }, options)
  await browser.close()
}

main().then(() => process.exit(0), (e) => {
  console.error(e)
  process.exit(1)
})
