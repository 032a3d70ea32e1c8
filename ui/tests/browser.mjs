// Clicks through every page of a real gostray that watches a real Go program, in a real browser. Pictures of each page,
// light and dark, go to docs/images/serve when PICTURES is set.
//
//   GOSTRAY=../target/release/gostray GO=go node tests/browser.mjs

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium } from 'playwright-core'

const gostray = resolve(process.env.GOSTRAY ?? '../target/release/gostray')
const go = process.env.GO ?? 'go'
const pictures = process.env.PICTURES ? resolve('../docs/images/serve') : ''
const folder = mkdtempSync(join(tmpdir(), 'gostray-ui-'))
const children = []
const patience = 120_000

function start(command, args, ready) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder })
  children.push(child)
  return new Promise((done, failed) => {
    let text = ''
    const seen = (chunk) => {
      text += chunk
      const found = ready.exec(text)
      if (found) done({ child, address: found[1] })
    }
    child.stdout.on('data', seen)
    child.stderr.on('data', seen)
    child.on('exit', (code) => failed(new Error(`${command} ended with ${code}: ${text}`)))
  })
}

async function until(what, check) {
  const end = Date.now() + patience
  for (;;) {
    const value = await check()
    if (value) return value
    if (Date.now() > end) throw new Error(`never: ${what}`)
    await new Promise((next) => setTimeout(next, 200))
  }
}

async function shopping(address) {
  for (let customer = 0; customer < 20; customer += 1) {
    for (const page of ['/search?q=x', '/report', '/checkout', '/']) await fetch(`http://${address}${page}`).catch(() => undefined)
  }
}

async function run() {
  const shop = join(folder, 'shop')
  execFileSync(go, ['build', '-trimpath', '-o', shop, '.'], { cwd: resolve('../fixtures/shop'), stdio: 'inherit' })
  const service = await start(shop, ['-addr', '127.0.0.1:0'], /listening on (\S+)\n/)
  await shopping(service.address)
  // From memory, so that any release of Go gives a proof.
  const config = join(folder, 'gostray.yaml')
  writeFileSync(config, `global: {scrape_interval: 1s}
detection: {evaluation_interval: 1s}
scrape_configs:
  - job_name: local
    local_processes: {refresh_interval: 1s}
    relabel_configs: [{source_labels: [instance], regex: 'pid:${service.child.pid}', action: keep}]
sources: [{service: .*, folder: '${resolve('../fixtures/shop')}'}]
`)
  const server = await start(gostray, ['serve', '--listen', '127.0.0.1:0', '--config', config], /watches: (http:\/\/\S+) /)
  const api = async (path) => (await fetch(`${server.address}/api/v1/${path}`)).json()
  await until('a leak is found', async () => (await api('leaks?state=all')).leaks.length > 0)

  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
  const complaints = []
  const elsewhere = []
  try {
    for (const scheme of ['light', 'dark']) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: scheme, locale: 'en-US' })
      const page = await context.newPage()
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
      page.on('pageerror', (error) => complaints.push(String(error)))
      page.on('request', (request) => !request.url().startsWith(server.address) && elsewhere.push(request.url()))
      const picture = async (name) => {
        if (!pictures) return
        mkdirSync(pictures, { recursive: true })
        await page.screenshot({ path: join(pictures, `${name}-${scheme}.png`), fullPage: true })
      }
      const has = (text) => page.getByText(text, { exact: false }).first().waitFor({ timeout: patience })

      // The fleet, and from its first leak on.
      await page.goto(server.address)
      await page.locator('tr[data-row]').first().waitFor({ timeout: patience })
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), scheme)
      await picture('fleet')
      await page.getByRole('button', { name: 'all', exact: true }).click()
      assert.match(page.url(), /state=all/)
      await page.locator('tr[data-row] a.mono').first().click()
      assert.match(page.url(), /\/leaks\//)
      await has('Goroutines over time')
      await has('Go on from here')
      await has('The cause in the source')
      await page.getByText('the goroutine is started here').first().waitFor({ timeout: patience })
      await page.locator('.u-over').first().waitFor()
      const chart = await page.locator('.u-over').first().boundingBox()
      assert(chart)
      await page.mouse.move(chart.x + chart.width * 0.6, chart.y + 100)
      await page.mouse.down()
      await page.mouse.move(chart.x + chart.width * 0.98, chart.y + 100, { steps: 5 })
      await page.mouse.up()
      await until('two windows are in the URL', () => /b=\d+-\d+/.test(page.url()))
      await page.locator('.flame').first().waitFor({ timeout: patience })
      await picture('leak')

      // Accept, and take back.
      await page.getByPlaceholder('Why is it no matter?').fill('a test')
      await page.getByRole('button', { name: 'Accept' }).click()
      await has('a test')
      await page.getByRole('button', { name: 'Take back' }).click()
      await page.getByRole('button', { name: 'Accept' }).waitFor({ timeout: patience })

      // Its instance, a group of it, and live.
      await page.locator('tr[data-row] a').last().click()
      await until('the instance is shown', () => /\/instances\//.test(page.url()))
      await page.locator('tr[data-row] button').first().click()
      await page.locator('td ol li').first().waitFor()
      await page.locator('.flame').first().waitFor({ timeout: patience })
      await picture('instance')
      await page.getByRole('link', { name: 'Live →' }).click()
      await page.locator('tr[data-row]').first().waitFor({ timeout: patience })
      await page.getByRole('button', { name: 'Mark' }).click()
      await has('Since mark')
      await page.getByRole('button', { name: 'Freeze' }).click()
      await picture('live')

      // The service.
      await page.keyboard.press('g')
      await page.keyboard.press('s')
      await until('services are shown', () => /\/services$/.test(page.url()))
      await page.locator('tr[data-row] a').first().click()
      await has('Builds')
      await page.locator('.strip').first().waitFor({ timeout: patience })
      await picture('service')

      // A dump that is pasted, one that is none, and an evidence.
      await page.goto(`${server.address}/snapshot`)
      await page.getByPlaceholder('or paste one').fill('goroutine 7 [chan send, 90 minutes]:\nmain.f(0x1)\n\t/src/main.go:7 +0x1\ncreated by main.main in goroutine 1\n\t/src/main.go:3 +0x1\n')
      await page.getByRole('button', { name: 'Look' }).click()
      await has('chan send')
      await picture('snapshot')
      await page.getByPlaceholder('or paste one').fill('no dump')
      await page.getByRole('button', { name: 'Look' }).click()
      await page.locator('[role=alert]').waitFor({ timeout: patience })
      complaints.splice(0, complaints.length, ...complaints.filter((text) => !text.includes('400')))

      // Search, keys, language, and a page that is not there.
      await page.keyboard.press('Escape')
      await page.keyboard.press('/')
      await page.keyboard.type('search')
      await page.locator('.search li a').first().click()
      await until('what was found is shown', () => /\/(leaks|services|instances)\//.test(page.url()))
      await page.keyboard.press('?')
      await has('this help')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: '中文' }).click()
      await page.goto(server.address)
      await has('泄漏')
      assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-CN')
      await picture('fleet-zh')
      await page.setViewportSize({ width: 800, height: 800 })
      assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is wider than a small window')
      await page.goto(`${server.address}/nowhere`)
      await has('没有这个页面')
      await context.close()
    }
    assert.deepEqual(complaints, [])
    assert.deepEqual(elsewhere, [], 'nothing is asked for elsewhere')
    const index = await fetch(server.address)
    assert.match(index.headers.get('content-security-policy') ?? '', /default-src 'self'/)
    assert.equal((await fetch(`${server.address}/api/v1/nothing`)).status, 404)
    console.log('the pages are as they should be')
  } finally {
    await browser.close()
  }
}

try {
  await run()
} finally {
  for (const child of children) {
    child.removeAllListeners('exit')
    child.kill('SIGTERM')
  }
  rmSync(folder, { recursive: true, force: true })
}
