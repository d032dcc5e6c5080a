import { readFileSync } from 'node:fs'
import AxeBuilder from './axe'
import { add, expect, headersOf, register, row, test } from './vault'

const part = (name: string) => `/settings/${name}`

test('topics have a colour and words of their own, and a paper follows what becomes of its topic', async ({ page }) => {
  await register(page)
  await page.goto(part('topics'))
  await expect(page.getByText('There is no topic yet.')).toBeVisible()
  await page.getByRole('button', { name: 'New topic' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Pottery')
  await dialog.getByLabel('Description').fill('Kiln and clay')
  await dialog.getByRole('radio', { name: 'Plum' }).check()
  expect(await AxeBuilder.violations(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Make it' }).click()
  const list = page.getByRole('list', { name: 'Topics' })
  await expect(list.getByRole('listitem')).toContainText(['PotteryKiln and clay0 papers'])
  await expect(list.locator('.topic-dot')).toHaveCSS('background-color', 'rgb(161, 79, 112)')

  // The same name again is refused, in words.
  await page.getByRole('button', { name: 'New topic' }).click()
  await dialog.getByLabel('Name').fill('pottery')
  await dialog.getByRole('button', { name: 'Make it' }).click()
  await expect(dialog.getByRole('alert')).toContainText('There is one of this name here already.')
  await page.keyboard.press('Escape')

  await page.goto('/library')
  await add(page, { name: 'bowl.txt', mimeType: 'text/plain', buffer: Buffer.from('glaze') })
  await row(page, 'bowl.txt').getByRole('link').click()
  await page.getByLabel('Topic').fill('Pottery')
  await page.keyboard.press('Tab')
  await expect(page.getByText('Saved.').first()).toBeVisible()

  await page.goto(part('topics'))
  await expect(list.getByRole('listitem')).toContainText(['1 paper'])
  await list.getByRole('button', { name: 'Change Pottery' }).click()
  await dialog.getByLabel('Name').fill('Ceramics')
  await dialog.getByLabel('Description').fill('')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expect(list.getByRole('listitem')).toContainText(['Ceramics'])
  await expect(list).not.toContainText('Kiln')
  await page.getByRole('link', { name: 'All papers' }).click()
  await expect(row(page, 'bowl.txt')).toContainText('Ceramics')

  await page.goto(part('topics'))
  await list.getByRole('button', { name: 'Delete Ceramics' }).click()
  const sure = page.getByRole('alertdialog')
  await expect(sure).toContainText('The paper that has it stays')
  expect(await AxeBuilder.violations(page)).toEqual([])
  await sure.getByRole('button', { name: 'Delete' }).click()
  await expect(page.getByText('“Ceramics” is deleted.')).toBeVisible()
  await expect(list.getByRole('listitem').filter({ hasText: 'Ceramics' })).toHaveCount(0)
  await page.getByRole('link', { name: 'All papers' }).click()
  await expect(row(page, 'bowl.txt')).toBeVisible()
  await expect(row(page, 'bowl.txt')).not.toContainText('Ceramics')
})

test('tags are renamed, merged and deleted, and their papers follow', async ({ page }) => {
  await register(page)
  await add(page, { name: 'one.txt', mimeType: 'text/plain', buffer: Buffer.from('the first') }, { name: 'two.txt', mimeType: 'text/plain', buffer: Buffer.from('the second') })
  for (const [name, tags] of [['one.txt', 'tax, house'], ['two.txt', 'taxes']] as const) {
    await row(page, name).getByRole('link').click()
    await page.getByLabel('Tags').fill(tags)
    await page.keyboard.press('Tab')
    await expect(page.getByRole('form', { name: 'Details' })).toHaveAttribute('aria-busy', 'false')
    await expect(page.getByText('Saved.').first()).toBeVisible()
    await page.getByRole('button', { name: 'Back' }).click()
  }
  await page.goto(part('tags'))
  const list = page.getByRole('list', { name: 'Tags' })
  await expect(list.getByRole('listitem')).toContainText([/^house.*1 paper/, /^tax.*1 paper/, /^taxes.*1 paper/])
  await list.getByRole('button', { name: 'Rename house' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill('tax')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await expect(page.getByRole('alert')).toContainText('There is one of this name here already.')
  await page.getByRole('dialog').getByLabel('Name').fill('home')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await expect(list.getByRole('listitem').first()).toContainText('home')

  await list.getByRole('button', { name: 'Merge taxes' }).click()
  await page.getByLabel('Which one stays?').selectOption('tax')
  expect(await AxeBuilder.violations(page)).toEqual([])
  await page.getByRole('dialog').getByRole('button', { name: 'Merge' }).click()
  await expect(page.getByText('“taxes” is part of “tax” now.')).toBeVisible()
  await expect(list.getByRole('listitem')).toContainText([/^home.*1 paper/, /^tax.*2 papers/])

  await list.getByRole('button', { name: 'Delete home' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await expect(list.getByRole('listitem')).toHaveCount(1)
  for (const name of ['one.txt', 'two.txt']) {
    await page.getByRole('link', { name: 'All papers' }).click()
    await row(page, name).getByRole('link').click()
    await expect(page.getByLabel('Tags')).toHaveValue('tax')
  }
})

test('the own log is saved whole, as the vault tells it', async ({ page }) => {
  const account = await register(page)
  await page.goto(part('activity'))
  await expect(page.getByRole('list', { name: 'Everything that was done' })).toContainText('Account made')
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save all of it' }).click()
  const file = await saved
  expect(file.suggestedFilename()).toMatch(/^docuvault-log-\d{4}-\d\d-\d\d\.jsonl$/)
  const lines = readFileSync(await file.path(), 'utf8').trimEnd().split('\n')
  const items = lines.flatMap((line) => (JSON.parse(line) as { items: { id: number; action: string; metadata: string }[] }).items)
  expect(items.map((item) => item.action)).toContain('account.registered')
  const headers = await headersOf(page, account)
  const told = (await (await page.request.get('/v1/me/audit/export', { headers })).json()) as { items: { id: number }[] }
  expect(items.map((item) => item.id)).toEqual(told.items.slice(0, items.length).map((item) => item.id))
})
