import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import AxeBuilder from './axe'
import { expect, register, test } from './vault'
import type { Page } from '@playwright/test'

/** Drops files and folders of this machine, as a file manager does. */
async function drop(page: Page, ...files: string[]) {
  const session = await page.context().newCDPSession(page)
  const data = { items: [], files, dragOperationsMask: 1 }
  // What takes drops is there when the frame of the page is.
  await expect(page.getByRole('button', { name: 'Add papers' })).toBeVisible()
  for (const type of ['dragEnter', 'dragOver'] as const) await session.send('Input.dispatchDragEvent', { type, x: 600, y: 400, data })
  await expect(page.getByText('Let go to add them')).toBeVisible()
  await session.send('Input.dispatchDragEvent', { type: 'drop', x: 600, y: 400, data })
  await session.detach()
  await expect(page.getByText('Let go to add them')).toBeHidden()
}

test('a tree of folders is dropped: deep, with empty ones and the same names, and more than fits', async ({ page }, info) => {
  await register(page)
  const tree = info.outputPath('Estate')
  let deep = tree
  for (let i = 1; i <= 12; i++) deep = join(deep, `Level ${i}`)
  const put = (folder: string, name: string, words: string) => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, name), words)
  }
  put(deep, 'letter.txt', 'at the bottom')
  // More than the hundred that a browser reads of a folder at a time.
  for (let i = 0; i < 130; i++) put(join(tree, 'Slips'), `slip ${i}.txt`, `slip ${i} of the estate`)
  for (const heir of ['Anna', 'Bert']) put(join(tree, heir), 'letter.txt', `a letter to ${heir}`)
  mkdirSync(join(tree, 'Empty', 'Emptier'), { recursive: true })
  // Read quickly, and more than this vault gives.
  for (const name of ['film 1.bin', 'film 2.bin']) {
    put(tree, name, name)
    truncateSync(join(tree, name), 55 * 1024 * 1024)
  }
  await drop(page, tree)
  const panel = page.getByRole('region', { name: 'Uploads' })
  // One of the two films has no room; the rest is in, and both is said.
  await expect(panel.getByRole('heading')).toHaveText('1 paper needs you', { timeout: 90_000 })
  await expect(panel).toContainText('134 papers added')
  await expect(panel).toContainText('Not enough room: this needs 55 MB')
  expect(await AxeBuilder.inBoth(page)).toEqual([])
  const folders = page.getByRole('navigation', { name: 'Folders' })
  await expect(folders.getByRole('link', { name: 'Slips' })).toContainText('130')
  for (const heir of ['Anna', 'Bert']) await expect(folders.getByRole('link', { name: heir })).toContainText('1')
  await expect(folders.getByRole('link', { name: 'Empty' })).toHaveCount(0)
  await folders.getByRole('link', { name: 'Bert' }).click()
  await expect(page.getByRole('list', { name: 'Bert' }).getByRole('listitem')).toHaveCount(1)

  // Nothing but empty folders.
  await drop(page, join(tree, 'Empty'))
  await expect(page.getByText('There is no file in what you dropped.')).toBeVisible()
})

test('what is on its way is cancelled at once, and leaves nothing at the vault', async ({ page }, info) => {
  await register(page)
  const folder = info.outputPath('Many')
  mkdirSync(folder)
  for (let i = 0; i < 40; i++) writeFileSync(join(folder, `sheet ${i}.txt`), `sheet ${i} of many`)
  // As on a line that broke.
  await page.route('**/docuvault/**', (route) => (route.request().method() === 'PUT' ? undefined : route.continue()))
  await drop(page, folder)
  const panel = page.getByRole('region', { name: 'Uploads' })
  await expect(panel).toContainText('40 papers on their way')
  await expect(page.getByRole('meter')).not.toHaveAttribute('aria-valuenow', '0')
  expect(await AxeBuilder.inBoth(page)).toEqual([])
  await panel.getByRole('button', { name: 'Cancel all' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel all' }).click()
  await expect(panel).toHaveCount(0)
  await expect(page.getByRole('meter')).toHaveAttribute('aria-valuenow', '0')
})
