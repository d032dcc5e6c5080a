import { randomBytes } from 'node:crypto'
import { truncateSync, writeFileSync } from 'node:fs'
import AxeBuilder from './axe'
import { choose, expect, expectNothingLeft, headersOf, ready, register, row, test } from './vault'

const text = (name: string, words: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(words) })

const invoice =
  'Invoice 2025-0417\nMiller & Sons Ltd\nInvoice number 2025-0417, invoice date 17 April 2025.\nAmount due 1,234.56 EUR. Please pay the invoice within 14 days. VAT 19 %. Total amount payable. Bank transfer.'

test('a paper goes in, is read, gets a topic accepted by one key, is edited, trashed, put back and deleted', async ({ page }) => {
  const account = await register(page)
  await expect(page.getByRole('heading', { name: 'Drop your papers here' })).toBeVisible()
  await choose(page, text('invoice.txt', invoice))
  await expect(row(page, 'invoice.txt')).toBeVisible()
  await expect(page.getByRole('region', { name: 'Uploads' })).toContainText('1 paper added')
  // Its status moves without a reload, and the quota bar moved at once.
  await expect(row(page, 'invoice.txt')).toContainText('invoice')
  await expect(page.getByRole('meter')).toHaveAttribute('aria-valuenow', String(invoice.length))

  await row(page, 'invoice.txt').getByRole('link').click()
  const suggestion = page.getByRole('region', { name: 'This looks like' })
  await expect(suggestion).toContainText('The words that decided it')
  await page.getByRole('heading', { name: 'invoice.txt' }).click()
  await page.keyboard.press('a')
  await expect(suggestion).toBeHidden()
  await expect(page.getByLabel('Topic')).toHaveValue('invoice')
  await page.getByLabel('Title').fill('April, from Miller')
  await page.getByLabel('Tags').fill('work, tax , work')
  await page.getByLabel('Notes').fill('paid on the 20th')
  await page.getByLabel('Date on the paper').fill('2025-04-17')
  await page.getByLabel('From or to').fill('Miller & Sons')
  await page.keyboard.press('Tab')
  await expect(page.getByText('Saved.').first()).toBeVisible()
  await expect(page.getByRole('form', { name: 'Details' })).toHaveAttribute('aria-busy', 'false')
  await expect(page.getByText('Amount due 1,234.56 EUR')).toBeVisible()
  await page.reload()
  await expect(page.getByLabel('Title')).toHaveValue('April, from Miller')
  await expect(page.getByLabel('Tags')).toHaveValue('tax, work')
  await expect(page.getByLabel('Notes')).toHaveValue('paid on the 20th')
  await expectNothingLeft(page, account.password)

  await page.getByRole('link', { name: 'All papers' }).click()
  const paper = row(page, 'April, from Miller')
  await expect(paper).toContainText('17 Apr 2025')
  await paper.getByRole('button', { name: 'What to do with' }).click()
  await page.getByRole('menuitem', { name: 'Into the trash' }).click()
  await expect(paper).toBeHidden()
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(paper).toBeVisible()
  await paper.getByRole('checkbox').check()
  await page.keyboard.press('Delete')
  await expect(paper).toBeHidden()
  await page.getByRole('link', { name: 'Trash' }).click()
  await expect(paper).toBeVisible()
  await paper.getByRole('button', { name: 'What to do with' }).click()
  await page.getByRole('menuitem', { name: 'Delete for good' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete for good' }).click()
  await expect(page.getByText('The trash is empty.')).toBeVisible()
  await expect(page.getByRole('meter')).toHaveAttribute('aria-valuenow', '0')
})

test('a paper has a history in words, with when, where and by whom', async ({ page }) => {
  await register(page)
  await choose(page, text('letter.txt', invoice))
  await expect(row(page, 'letter.txt')).toContainText('invoice')
  await row(page, 'letter.txt').getByRole('link').click()
  await page.getByRole('heading', { name: 'letter.txt' }).click()
  await page.keyboard.press('r')
  await expect(page.getByRole('region', { name: 'This looks like' })).toBeHidden()
  await page.getByText('History', { exact: true }).click()
  const history = page.getByRole('list', { name: 'History' })
  await expect(history.getByRole('listitem')).toContainText(['Topic set by you', 'Arrived whole and unaltered', 'Upload begun'])
  await expect(history).toContainText('Read by the vault, which suggested a topic')
  await expect(history.getByRole('listitem').first()).toContainText(/Chrome on Linux, 10\.\d+\.\d+\.0\/24/)
  await expect(history).toContainText('by the vault itself')
  // It goes on while it is looked at.
  await page.getByLabel('File name').fill('renamed.txt')
  await page.keyboard.press('Tab')
  await expect(history.getByRole('listitem').first()).toContainText('Renamed')
  await page.getByRole('button', { name: 'What to do with' }).click()
  await page.getByRole('menuitem', { name: 'Into the trash' }).click()
  await expect(history.getByRole('listitem').first()).toContainText('Paper into the trash')
  expect(await AxeBuilder.violations(page)).toEqual([])
})

test('a field that somebody is in does not change under the hands, and says what is new when it is left', async ({ page }) => {
  const account = await register(page)
  await choose(page, text('bowl.txt', 'glaze'))
  const { headers, items } = await ready(page, account, 1)
  const paper = items[0]
  const before = paper?.topic ?? ''
  await row(page, 'bowl.txt').getByRole('link').click()
  const topic = page.getByLabel('Topic')
  await expect(topic).toHaveValue(before)
  await topic.focus()
  await page.request.patch(`/v1/documents/${paper?.id ?? ''}`, { headers, data: { topic: 'Pottery', title: 'A bowl' } })
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await expect(page.getByLabel('Title')).toHaveValue('A bowl')
  await expect(topic).toHaveValue(before)
  await page.keyboard.press('Tab')
  await expect(topic).toHaveValue('Pottery')
})

test('what came by another way is there when somebody comes back to the window', async ({ page }) => {
  const account = await register(page)
  const headers = await headersOf(page, account)
  await expect(page.getByRole('heading', { name: 'Drop your papers here' })).toBeVisible()
  const looks = page.waitForResponse('**/v1/changes*')
  await page.evaluate(() => window.dispatchEvent(new Event('focus')))
  await looks
  await page.request.post('/v1/folders', { data: { name: 'From a terminal' }, headers })
  await page.evaluate(() => window.dispatchEvent(new Event('focus')))
  await expect(page.getByRole('navigation', { name: 'Folders' })).toContainText('From a terminal')
})

test('folders and files are dropped anywhere, duplicates are explained', async ({ page }) => {
  await register(page)
  await expect(page.getByRole('heading', { name: 'Drop your papers here' })).toBeVisible()
  const transfer = await page.evaluateHandle(() => {
    const data = new DataTransfer()
    data.items.add(new File(['one paper'], 'one.txt', { type: 'text/plain' }))
    data.items.add(new File(['two papers'], 'two.txt', { type: 'text/plain' }))
    return data
  })
  await page.dispatchEvent('body', 'dragenter', { dataTransfer: transfer })
  await expect(page.getByText('Let go to add them')).toBeVisible()
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer })
  await expect(row(page, 'one.txt')).toBeVisible()
  await expect(row(page, 'two.txt')).toBeVisible()

  await choose(page, text('again.txt', 'one paper'))
  const panel = page.getByRole('region', { name: 'Uploads' })
  await expect(panel).toContainText('You have this already: “one.txt”.')
  await panel.getByRole('button', { name: 'Keep both' }).click()
  await expect(row(page, 'again.txt')).toBeVisible()
})

test('a large paper goes in parts, can be paused, and goes on after a reload from what arrived', async ({ page }, info) => {
  const account = await register(page)
  const big = info.outputPath('scan.bin')
  writeFileSync(big, randomBytes(70 * 1024 * 1024))
  let puts = 0
  let hold = true
  await page.route('**/docuvault/**', async (route) => {
    if (route.request().method() !== 'PUT') return route.continue()
    puts++
    // The first part passes, the others hang as on a line that broke.
    if (hold && puts > 1) return
    return route.continue()
  })
  await choose(page, big)
  const panel = page.getByRole('region', { name: 'Uploads' })
  await expect.poll(() => puts).toBeGreaterThan(1)
  await expect(panel).toContainText(/\d+ MB of 70 MB/)
  // What the vault has: at least a part, and not all.
  const headers = await headersOf(page, account)
  const open = (await (await page.request.get('/v1/documents?status=pending', { headers })).json()) as { items: { id: string }[] }
  const id = open.items[0]?.id
  await expect
    .poll(async () => ((await (await page.request.get(`/v1/uploads/${id}/parts`, { headers })).json()) as { parts: unknown[] }).parts.length)
    .toBe(1)

  page.on('dialog', (dialog) => void dialog.accept())
  await page.reload()
  await expect(panel).toContainText('have arrived. Choose the same file again to go on.')
  hold = false
  puts = 0
  const chooser = page.waitForEvent('filechooser')
  await panel.getByRole('button', { name: 'Choose it' }).click()
  await (await chooser).setFiles(big)
  await expect(panel).toContainText('1 paper added')
  expect(puts, 'the part that had arrived was sent again').toBeLessThan(5)
  await expect(row(page, 'scan.bin')).toBeVisible()
})

test('everything is reached by keyboard, and axe finds nothing in light and dark', async ({ page }) => {
  await page.goto('/login')
  const check = async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      expect(await AxeBuilder.violations(page)).toEqual([])
    }
    await page.emulateMedia({ colorScheme: 'light' })
  }
  await expect(page.getByRole('heading', { name: 'Sign in to your vault' })).toBeVisible()
  await check()
  await page.getByRole('link', { name: 'Create an account' }).press('Enter')
  await expect(page.getByRole('heading', { name: 'Create your vault' })).toBeVisible()
  await check()
  await register(page)
  await expect(page.getByRole('heading', { name: 'Drop your papers here' })).toBeVisible()
  await check()
  await choose(page, ...Array.from({ length: 12 }, (_, i) => text(`paper ${i}.txt`, `${invoice} ${i}`)))
  await expect(page.getByRole('region', { name: 'Uploads' })).toContainText('12 papers added')
  await check()
  // A list is walked with the arrows, a row chosen with the space bar, opened with Enter.
  const first = page.getByRole('list', { name: 'All papers' }).getByRole('link').first()
  await first.focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Space')
  await expect(page.getByText('1 chosen')).toBeVisible()
  await page.keyboard.press('End')
  await expect(page.getByRole('listitem').filter({ has: page.locator(':focus') })).toHaveAttribute('aria-posinset', '12')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Show as tiles' }).press('Enter')
  await check()
  await page.getByRole('list', { name: 'All papers' }).getByRole('link').first().press('Enter')
  await expect(page.getByLabel('Title')).toBeVisible()
  await check()
})

test('what does not fit is said with what to do, and does not keep the rest from going in', async ({ page }, info) => {
  await register(page)
  const large = info.outputPath('large.bin')
  // Made of nothing but zeros it is read quickly; the vault of these stories gives 100 MB.
  writeFileSync(large, '')
  truncateSync(large, 101 * 1024 * 1024)
  const small = info.outputPath('small.txt')
  writeFileSync(small, 'a small paper')
  await choose(page, large, small)
  const panel = page.getByRole('region', { name: 'Uploads' })
  await expect(panel).toContainText('Not enough room: this needs 101 MB, and 100 MB are free.')
  await expect(row(page, 'small.txt')).toBeVisible()
  await panel.getByRole('button', { name: 'Cancel large.bin' }).click()
  await expect(panel).not.toContainText('large.bin')
})

test('nothing is wider than a phone, nor than a page at 200 percent', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 })
  await register(page)
  await choose(page, text(`${'a long name of a paper '.repeat(9)}.txt`, invoice), text(`${'wordwithoutspaces'.repeat(12)}.txt`, `${invoice} more`))
  await expect(page.getByRole('region', { name: 'Uploads' })).toContainText('2 papers added')
  const id = await page.getByRole('list', { name: 'All papers' }).getByRole('link').first().getAttribute('href')
  for (const width of [390, 600]) {
    await page.setViewportSize({ width, height: 800 })
    for (const path of ['/library', '/trash', String(id), '/search', '/settings', '/settings/security', '/settings/tokens', '/welcome']) {
      await page.goto(path)
      await expect(page.getByRole('heading').first()).toBeAttached()
      await page.waitForLoadState('networkidle')
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      expect(over, `${path} at ${width}`).toBeLessThanOrEqual(0)
    }
  }
})
