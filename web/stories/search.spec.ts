import AxeBuilder from './axe'
import { expect, headersOf, ready, register, test } from './vault'

test('filters are completed, become chips and go again, and the page says where a query is wrong', async ({ page }) => {
  const account = await register(page)
  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Choose files' }).click()
  await (await chooser).setFiles([
    { name: 'lease.txt', mimeType: 'text/plain', buffer: Buffer.from('The tenant pays the rent on the first of each month.') },
    { name: 'other.txt', mimeType: 'text/plain', buffer: Buffer.from('The rent went up.') },
  ])
  await expect(page.getByRole('region', { name: 'Uploads' })).toContainText('2 papers added')
  const { headers, items } = await ready(page, account, 2)
  const lease = items.find((paper) => paper.filename === 'lease.txt')
  await page.request.patch(`/v1/documents/${lease?.id ?? ''}`, { headers, data: { topic: 'Old house', tags: ['tax'], document_date: '2024-05-01' } })

  await page.reload()
  const field = page.getByRole('combobox', { name: 'Search your papers' })
  await expect(field).toBeVisible()
  await page.keyboard.press('/')
  await expect(field).toBeFocused()
  await page.keyboard.type('rent to')
  const option = (name: string) => page.getByRole('option', { name })
  await expect(option('topic:')).toBeVisible()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(field).toHaveValue('rent topic:')
  await page.keyboard.type('ho')
  await expect(option('Old house')).toBeVisible()
  expect(await AxeBuilder.violations(page)).toEqual([])
  await page.keyboard.press('ArrowDown')
  await expect(option('Old house')).toHaveAttribute('aria-selected', 'true')
  await page.keyboard.press('Enter')
  const chip = page.getByRole('button', { name: 'Remove topic:"Old house"' })
  await expect(chip).toBeVisible()
  await expect(field).toHaveValue('rent ')
  await expect(page.getByRole('link', { name: 'lease.txt' })).toBeVisible()
  await expect(page.getByRole('link', { name: 'other.txt' })).toBeHidden()

  // A second filter, written by hand; and away with both, by keys and by mouse.
  await page.keyboard.type('-tag:tax ')
  await expect(page.getByText('Nothing was found')).toBeVisible()
  // Which filters are in the way, and each of them away at a touch.
  await expect(page.getByRole('list', { name: 'Only papers that pass these filters are looked at:' }).getByRole('listitem')).toHaveText(['Without topic:"Old house"', 'Without -tag:tax', 'Without any filter'])
  await page.getByRole('button', { name: 'Without -tag:tax' }).press('Enter')
  await expect(page.getByRole('link', { name: 'lease.txt' })).toBeVisible()
  await expect(field).toBeFocused()
  await page.keyboard.press('End')
  await page.keyboard.type(' -tag:tax ')
  await expect(page.getByText('Nothing was found')).toBeVisible()
  await page.getByRole('main').getByRole('button', { name: 'How to search' }).press('Enter')
  await expect(page.getByRole('dialog')).toContainText('These words, in this order')
  await page.keyboard.press('Escape')
  await field.focus()
  expect(await AxeBuilder.violations(page)).toEqual([])
  await page.keyboard.press('Home')
  await page.keyboard.press('Backspace')
  await expect(page.getByRole('button', { name: 'Remove -tag:tax' })).toBeHidden()
  await expect(page.getByRole('link', { name: 'lease.txt' })).toBeVisible()
  await chip.focus()
  await page.keyboard.press('Delete')
  await expect(chip).toBeHidden()
  await expect(field).toBeFocused()
  await expect(page.getByRole('link', { name: 'other.txt' })).toBeVisible()
  await field.fill('date:2024-05 ')
  await expect(page.getByRole('link', { name: 'other.txt' })).toBeHidden()
  await page.getByRole('button', { name: 'Remove date:2024-05' }).click()

  // Wrong: the sentence, and where. The results stay.
  await field.fill('rent')
  await expect(page.getByRole('link', { name: 'other.txt' })).toBeVisible()
  await field.pressSequentially(' date:2024-13')
  await page.keyboard.press('Enter')
  const note = page.locator('#search-wrong')
  await expect(note).toContainText('At character 6: A date is written 2025')
  await expect(note.locator('.query-wrong')).toHaveText('2024-13')
  await expect(field).toHaveAttribute('aria-invalid', 'true')
  await expect(page.getByRole('link', { name: 'other.txt' })).toBeVisible()
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    expect(await AxeBuilder.violations(page)).toEqual([])
  }

  // Escape first closes the suggestions, then leaves.
  await field.fill('is:')
  await expect(option('failed')).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(option('failed')).toBeHidden()
  await page.keyboard.press('Escape')
  await expect(field).toHaveValue('')
  await expect(page).toHaveURL(/library/)
})

test('a suggestion that was moved to is the one that Enter takes, also when names arrive meanwhile', async ({ page }) => {
  const account = await register(page)
  const headers = await headersOf(page, account)
  await page.request.post('/v1/folders', { headers, data: { name: 'Letters' } })
  let answer = () => {}
  const held = new Promise<void>((resolve) => (answer = resolve))
  await page.route('**/v1/folders', async (route) => {
    await held
    await route.continue()
  })
  await page.reload()
  const field = page.getByRole('combobox', { name: 'Search your papers' })
  await field.pressSequentially('to')
  await page.keyboard.press('ArrowDown')
  const option = page.getByRole('option', { name: 'topic:' })
  await expect(option).toHaveAttribute('aria-selected', 'true')
  answer()
  await expect(page.getByRole('navigation').getByText('Letters')).toBeVisible()
  await expect(option).toHaveAttribute('aria-selected', 'true')
  await page.keyboard.press('Enter')
  await expect(field).toHaveValue('topic:')
  // What is typed chooses anew.
  await page.keyboard.press('Backspace')
  await expect(option).toHaveAttribute('aria-selected', 'false')
})

test('in a vault without papers nothing is looked for in vain', async ({ page }) => {
  await register(page)
  const field = page.getByRole('combobox', { name: 'Search your papers' })
  await field.fill('anything')
  await expect(page.getByText('There is no paper in your vault yet')).toBeVisible()
  await expect(page.getByText('Nothing was found')).toHaveCount(0)
  expect(await AxeBuilder.inBoth(page)).toEqual([])
  await page.getByRole('main').getByRole('link', { name: 'To your papers' }).press('Enter')
  await expect(page.getByRole('heading', { name: 'All papers' })).toBeFocused()
})
