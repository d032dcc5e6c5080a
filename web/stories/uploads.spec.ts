import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { choose, expect, headersOf, newAccount, row, signIn, test } from './vault'
import type { Page } from '@playwright/test'

// One account for all of these: they come one after the other.
test.describe.configure({ mode: 'serial' })
const account = newAccount()

test.beforeAll(async ({ playwright, baseURL }) => {
  const request = await playwright.request.newContext({ baseURL: baseURL ?? '' })
  const answer = await request.post('/v1/auth/register', { data: account, headers: { 'Sec-Fetch-Site': 'same-origin' } })
  expect(answer.status()).toBe(201)
  await request.dispose()
})

async function enter(page: Page) {
  await page.goto('/login')
  await signIn(page, account)
  await page.waitForURL(/welcome|library/)
  await page.goto('/library')
  await expect(page.getByRole('heading', { name: 'All papers' })).toBeVisible()
}

const panelOf = (page: Page) => page.getByRole('region', { name: 'Uploads' })

test('a file that is pasted goes in', async ({ page }) => {
  await enter(page)
  await page.evaluate(() => {
    const data = new DataTransfer()
    data.items.add(new File(['what was on the clipboard'], 'pasted.txt', { type: 'text/plain' }))
    window.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  })
  await expect(row(page, 'pasted.txt')).toBeVisible()
  // Text alone is not a file, and stays with whoever pasted it.
  await page.getByRole('searchbox').or(page.locator('[role=search] input')).first().focus()
  const taken = await page.evaluate(() => {
    const data = new DataTransfer()
    data.setData('text/plain', 'words')
    return !(document.activeElement ?? window).dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  })
  expect(taken).toBe(false)
})

test('the list of what was added is not in the way of the next view, and comes with the next files', async ({ page }) => {
  await enter(page)
  await choose(page, { name: 'slides.odp', mimeType: 'application/vnd.oasis.opendocument.presentation', buffer: Buffer.from('PK\x03\x04 slides') })
  const panel = panelOf(page)
  await expect(panel).toContainText('1 paper added')
  await expect(panel).toContainText('slides.odp')
  await row(page, 'slides.odp').getByRole('link').click()
  await expect(panel).not.toContainText('slides.odp')
  await expect(panel.getByRole('button', { name: 'Show more' })).toHaveAttribute('aria-expanded', 'false')
  // The kind is not read, and its text says so.
  await page.getByRole('button', { name: 'Text', exact: true }).click()
  await expect(page.getByText('Files of this kind are kept as they are')).toBeVisible()

  await page.getByRole('link', { name: 'All papers' }).click()
  await choose(page, { name: 'next.txt', mimeType: 'text/plain', buffer: Buffer.from('the next one') })
  await expect(panel).toContainText('next.txt')
})

test('a phone takes a picture, and its file goes in', async ({ browser }) => {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true })
  const page = await context.newPage()
  await enter(page)
  await page.getByRole('button', { name: 'Add papers' }).tap()
  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('menuitem', { name: 'Take a picture' }).tap()
  const input = (await chooser).element()
  expect(await input.getAttribute('capture')).toBe('environment')
  expect(await input.getAttribute('accept')).toBe('image/*')
  // One pixel.
  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')
  await (await chooser).setFiles([{ name: 'photo.png', mimeType: 'image/png', buffer: png }])
  await expect(row(page, 'photo.png')).toBeVisible()
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
  await context.close()
})

test('an upload is paused, goes on, and is cancelled; what it had reserved is free again', async ({ page }, info) => {
  await enter(page)
  const used = await page.getByRole('meter').getAttribute('aria-valuenow')
  const big = info.outputPath('large.bin')
  writeFileSync(big, '')
  truncateSync(big, 70 * 1024 * 1024)
  let puts = 0
  let hold = true
  await page.route('**/docuvault/**', async (route) => {
    if (route.request().method() !== 'PUT') return route.continue()
    puts++
    if (hold) return // as on a line that broke
    return route.continue()
  })
  await choose(page, big)
  const panel = panelOf(page)
  await expect.poll(() => puts).toBeGreaterThan(0)
  // The room is taken at once, before a byte has arrived.
  await expect(page.getByRole('meter')).not.toHaveAttribute('aria-valuenow', String(used))
  await panel.getByRole('button', { name: 'Pause large.bin' }).click()
  await expect(panel).toContainText('Paused')
  const sofar = puts
  hold = false
  await panel.getByRole('button', { name: 'Go on with large.bin' }).click()
  await expect.poll(() => puts).toBeGreaterThan(sofar)
  await expect(panel).toContainText('1 paper added')
  await expect(row(page, 'large.bin')).toBeVisible()

  // Another one is cancelled half way.
  hold = true
  const other = info.outputPath('other.bin')
  writeFileSync(other, 'x'.repeat(1024 * 1024))
  await choose(page, other)
  await expect(panel.getByRole('button', { name: 'Cancel other.bin' })).toBeVisible()
  await expect(page.getByRole('meter')).toHaveAttribute('aria-valuenow', String(Number(used) + 71 * 1024 * 1024))
  await panel.getByRole('button', { name: 'Cancel other.bin' }).click()
  await expect(panel).not.toContainText('other.bin')
  await expect(page.getByRole('meter')).toHaveAttribute('aria-valuenow', String(Number(used) + 70 * 1024 * 1024))

  // Room for the stories after this one.
  await row(page, 'large.bin').getByRole('checkbox').check()
  await page.keyboard.press('Delete')
  await page.getByRole('link', { name: 'Trash' }).click()
  await page.getByRole('button', { name: 'Empty the trash' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Empty the trash' }).click()
  await expect(page.getByText('The trash is empty.')).toBeVisible()
})

test('what an outage ended is tried again by itself when the line is back', async ({ page, watch }) => {
  watch.expected.push(/net::ERR/)
  await enter(page)
  await expect(page.getByRole('button', { name: 'Add papers' })).toBeVisible()
  const before: string[] = []
  page.on('request', (request) => before.push(`${request.method()} ${new URL(request.url()).pathname}`))
  await choose(page, { name: 'warm.txt', mimeType: 'text/plain', buffer: Buffer.from('fetches the uploader') })
  await expect(row(page, 'warm.txt')).toBeVisible()
  await page.context().setOffline(true)
  await choose(page, { name: 'late.txt', mimeType: 'text/plain', buffer: Buffer.from('comes when the line is back') })
  await expect(panelOf(page)).toContainText('The vault does not answer.')
  await expect(panelOf(page)).toContainText('It is tried again by itself.')
  await page.context().setOffline(false)
  await expect(row(page, 'late.txt')).toBeVisible()
  await expect(panelOf(page)).toContainText('2 papers added')
})

test('a folder of many small files begins by hundreds, keeps its tree, and the page stays smooth', async ({ page }, info) => {
  const files = 300
  const folder = info.outputPath('Shoebox')
  for (let i = 0; i < files; i++) {
    const inner = join(folder, `Drawer ${i % 5}`)
    mkdirSync(inner, { recursive: true })
    writeFileSync(join(inner, `slip ${i}.txt`), `slip number ${i} of the shoebox`)
  }
  await page.addInitScript(() => {
    const tasks: number[] = ((window as unknown as { tasks: number[] }).tasks = [])
    new PerformanceObserver((seen) => tasks.push(...seen.getEntries().map((e) => e.duration))).observe({ type: 'longtask' })
  })
  await enter(page)
  const asked = new Map<string, number>()
  page.on('request', (request) => {
    const what = `${request.method()} ${new URL(request.url()).pathname.replace(/[0-9a-f-]{36}/g, 'ID')}`
    asked.set(what, (asked.get(what) ?? 0) + 1)
  })
  await page.getByRole('button', { name: 'Add papers' }).click()
  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('menuitem', { name: 'Choose a folder' }).click()
  await page.evaluate(() => ((window as unknown as { tasks: number[] }).tasks.length = 0))
  const began = Date.now()
  await (await chooser).setFiles(folder)
  await expect(panelOf(page)).toContainText(`${files} papers added`, { timeout: 200_000 })
  const tasks = await page.evaluate(() => (window as unknown as { tasks: number[] }).tasks)
  info.annotations.push({
    type: 'measured',
    description: `${files} small files in ${Math.round((Date.now() - began) / 1000)} s; ${tasks.length} tasks above 50 ms, the longest ${Math.round(Math.max(0, ...tasks))} ms; ${JSON.stringify(Object.fromEntries(asked))}`,
  })
  const batches = asked.get('POST /v1/uploads/batch') ?? 0
  const alone = asked.get('POST /v1/uploads') ?? 0
  expect(batches + alone, 'begins in a request each').toBeLessThan(files / 5)
  expect(asked.get('POST /v1/uploads/ID/complete')).toBe(files)
  expect(await panelOf(page).getByRole('listitem').count()).toBeLessThan(40)
  const tree = page.getByRole('navigation', { name: 'Folders' })
  await expect(tree.getByRole('link', { name: 'Shoebox' })).toBeVisible()
  for (let i = 0; i < 5; i++) await expect(tree.getByRole('link', { name: `Drawer ${i}` })).toContainText(String(files / 5))
  await tree.getByRole('link', { name: 'Drawer 3' }).click()
  await expect(page.getByRole('list', { name: 'Drawer 3' }).getByRole('listitem').first()).toHaveAttribute('aria-setsize', String(files / 5))
})

test('many are done at once in one request, and what could not be is told', async ({ page }) => {
  await enter(page)
  await page.getByRole('link', { name: 'Drawer 1' }).click()
  const list = page.getByRole('list', { name: 'Drawer 1' })
  await list.getByRole('link').first().focus()
  await page.keyboard.press('Control+a')
  await expect(page.getByText('60 chosen')).toBeVisible()
  // One of them is deleted elsewhere meanwhile.
  const headers = await headersOf(page, account)
  const href = await list.getByRole('link').first().getAttribute('href')
  const bulk: string[] = []
  page.on('request', (request) => {
    if (/\/v1\/documents/.test(request.url()) && request.method() !== 'GET') bulk.push(`${request.method()} ${new URL(request.url()).pathname}`)
  })
  await page.getByRole('button', { name: 'More with the chosen ones' }).click()
  await page.getByRole('menuitem', { name: 'Add tags' }).click()
  await page.getByLabel('Tags', { exact: true }).fill('shoebox, slips')
  await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click()
  await expect(page.getByText('60 papers have the tags shoebox, slips.')).toBeVisible()
  await page.request.delete(`/v1${href}?permanent=true`, { headers })
  await page.getByRole('button', { name: 'Into the trash' }).click()
  await expect(page.getByText(/59 papers are in the trash\.( 1 was left as it was: not here any more\.)?/)).toBeVisible()
  expect(bulk).toEqual(['POST /v1/documents/bulk', 'POST /v1/documents/bulk'])
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(page.getByText('59 papers are back.')).toBeVisible()
  await expect(list.getByRole('listitem').first()).toHaveAttribute('aria-setsize', '59')
  // The tag is in the side bar with its count, and filters.
  await page.getByRole('navigation', { name: 'Kinds of papers' }).getByRole('link', { name: 'slips' }).click()
  await expect(page.getByRole('list', { name: 'slips' }).getByRole('listitem').first()).toHaveAttribute('aria-setsize', '59')
  // In the trash it says how long they stay.
  await page.getByRole('checkbox').first().check()
  await page.keyboard.press('Delete')
  await page.getByRole('link', { name: 'Trash' }).click()
  await expect(page.getByRole('list', { name: 'Trash' }).getByRole('listitem').first()).toContainText('30 days left')
  await page.getByRole('checkbox').first().check()
  await page.getByRole('button', { name: 'Put back' }).click()
  await expect(page.getByText('The trash is empty.')).toBeVisible()
})

test('a folder is dragged into another, not into itself, and all of it goes by keyboard', async ({ page }) => {
  await enter(page)
  const tree = page.getByRole('navigation', { name: 'Folders' })
  const folder = (name: string) => tree.getByRole('link', { name })
  await expect(folder('Drawer 0')).toBeVisible()
  await folder('Drawer 0').dragTo(folder('Drawer 4'))
  await expect(page.getByText('“Drawer 0” is in “Drawer 4”.')).toBeVisible()
  await folder('Shoebox').dragTo(folder('Drawer 4'))
  await expect(page.getByText('A folder cannot go into itself, nor into one that is in it.')).toBeVisible()
  await page.getByRole('button', { name: 'Close', exact: true }).last().click()

  // By keyboard: walk, open and close, make, rename, move, delete.
  await folder('Shoebox').focus()
  await page.keyboard.press('ArrowLeft')
  await expect(folder('Drawer 4')).toBeHidden()
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowDown')
  await expect(folder('Drawer 1')).toBeFocused()
  await page.keyboard.press('End')
  await expect(folder('Drawer 0')).toBeFocused()
  await page.keyboard.press('ArrowLeft')
  await expect(folder('Drawer 4')).toBeFocused()
  const menu = async (item: string) => {
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await expect(page.getByRole('menuitem', { name: item })).toBeVisible()
    await page.getByRole('menuitem', { name: item }).press('Enter')
  }
  await menu('New folder in it')
  await page.getByLabel('Name of the folder').fill('Inner')
  await page.keyboard.press('Enter')
  await expect(folder('Inner')).toBeVisible()
  await folder('Inner').focus()
  await menu('Rename')
  await page.getByLabel('Name of the folder').fill('Innermost')
  await page.keyboard.press('Enter')
  await expect(folder('Innermost')).toBeVisible()
  await folder('Innermost').focus()
  await menu('Move to')
  await page.getByPlaceholder('Find a folder, or name a new one').fill('Drawer 2')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(page.getByText('“Innermost” is in “Drawer 2”.')).toBeVisible()
  // A name that is taken is said.
  await folder('Drawer 1').focus()
  await menu('Rename')
  await page.getByLabel('Name of the folder').fill('drawer 2')
  await page.keyboard.press('Enter')
  await expect(page.getByText('There is one of this name here already.')).toBeVisible()
  // Papers by keyboard: choose, m, name a new folder.
  await page.getByRole('link', { name: 'All papers' }).press('Enter')
  await page.getByRole('list', { name: 'All papers' }).getByRole('link').first().focus()
  await page.keyboard.press('Space')
  await page.keyboard.press('m')
  await page.getByPlaceholder('Find a folder, or name a new one').fill('Desk')
  await page.getByRole('option', { name: 'New folder “Desk”' }).waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(page.getByText('1 paper is in “Desk”.')).toBeVisible()
  await expect(folder('Desk')).toContainText('1')
  await folder('Shoebox').focus()
  await menu('Delete the folder')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete the folder' }).press('Enter')
  await expect(page.getByText(/“Shoebox” is deleted, and \d+ papers are in the trash\./)).toBeVisible()
  await expect(folder('Shoebox')).toBeHidden()
})

test('the columns of the list are chosen and kept, also after signing out, with theme and language', async ({ page }) => {
  await enter(page)
  await page.getByRole('button', { name: 'Choose columns' }).click()
  await page.getByRole('menuitemcheckbox', { name: 'Added' }).click()
  await page.getByRole('menuitemcheckbox', { name: 'Size' }).click()
  await page.keyboard.press('Escape')
  const heads = page.getByRole('group', { name: 'Columns' })
  await expect(heads).toContainText('Added')
  await expect(heads).not.toContainText('Size')
  await heads.getByRole('button', { name: 'Added' }).click()
  await expect(heads.getByRole('button', { name: 'Added' })).toHaveAttribute('aria-pressed', 'true')
  await page.getByRole('button', { name: account.email }).click()
  await page.getByRole('menuitemradio', { name: 'Dark' }).or(page.getByRole('menuitem', { name: 'Dark' })).first().click()
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  if (!(await page.getByRole('menuitem', { name: 'Sign out' }).isVisible())) await page.getByRole('button', { name: account.email }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await expect(page).toHaveURL(/login/)
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  await enter(page)
  await expect(heads).toContainText('Added')
  await expect(heads).not.toContainText('Size')
  expect(await page.evaluate(() => Object.keys(localStorage).sort())).toEqual(['docuvault.columns', 'docuvault.theme'])
})
