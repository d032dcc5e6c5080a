import AxeBuilder from './axe'
import { expect, expectNothingLeft, newAccount, register, signIn, test, tokenOf } from './vault'

test('search finds as it is typed, by keyboard, and its words are in no address', async ({ page, watch }) => {
  const account = await register(page)
  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Choose files' }).click()
  await (await chooser).setFiles([
    { name: 'lease.txt', mimeType: 'text/plain', buffer: Buffer.from('The tenant pays the rent on the first of each month. Zaunkönig.') },
    { name: 'other.txt', mimeType: 'text/plain', buffer: Buffer.from('Nothing of that kind.') },
  ])
  await expect(page.getByRole('region', { name: 'Uploads' })).toContainText('2 papers added')
  const headers = { Authorization: `Bearer ${await tokenOf(page, account)}` }
  await expect
    .poll(async () => ((await (await page.request.get('/v1/documents?status=ready', { headers })).json()) as { items: unknown[] }).items.length, { timeout: 20_000 })
    .toBe(2)
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  await page.keyboard.press('/')
  await page.keyboard.type('zaunkön')
  const result = page.getByRole('link', { name: 'lease.txt' })
  await expect(result).toBeVisible()
  await expect(page.getByRole('link', { name: 'other.txt' })).toBeHidden()
  await expect(page.locator('mark').first()).toHaveText(/zaunkönig/i)
  expect(page.url()).not.toContain('zaun')
  expect(asked.some((url) => decodeURIComponent(url).includes('zaun'))).toBe(false)
  expect(await AxeBuilder.violations(page)).toEqual([])
  await page.keyboard.press('ArrowDown')
  await expect(result).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('heading', { name: 'lease.txt' })).toBeVisible()
  await page.keyboard.press('Escape')
  await page.getByRole('heading', { name: 'lease.txt' }).click()
  await page.keyboard.press('?')
  await expect(page.getByRole('dialog')).toContainText('These words, in this order')
  expect(await AxeBuilder.violations(page)).toEqual([])
  expect(watch.secrets).toEqual([])
})

test('the first run explains, and every setting is there', async ({ page }) => {
  test.setTimeout(120_000)
  const account = newAccount()
  await page.goto('/register')
  await page.getByLabel('E-mail address').fill(account.email)
  await page.getByLabel('Password', { exact: true }).fill(account.password)
  await page.getByRole('button', { name: 'Create an account' }).click()
  for (const title of ['What nobody else sees', 'What you should know', 'How it works']) {
    await expect(page.getByRole('heading', { name: title })).toBeVisible()
    expect(await AxeBuilder.violations(page)).toEqual([])
    await page.getByRole('button', { name: /Go on|To your papers/ }).click()
  }
  await expect(page).toHaveURL(/library/)
  await page.getByRole('button', { name: account.email }).click()
  await page.getByRole('menuitem', { name: 'Settings' }).click()
  await page.getByLabel('Your name').fill('Ada')
  await page.keyboard.press('Tab')
  await expect(page.getByText('Saved.')).toBeVisible()
  for (const part of ['Profile', 'Password and second factor', 'Devices', 'Access for programs', 'What happened', 'Delete the account']) {
    await page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: part }).click()
    await expect(page.getByRole('heading', { name: part })).toBeVisible()
    await page.waitForLoadState('networkidle')
    expect(await AxeBuilder.violations(page)).toEqual([])
  }
  // A token is shown once, and nothing of it stays behind.
  await page.getByRole('link', { name: 'Access for programs' }).click()
  await page.getByLabel('What is it for?').fill('the scanner')
  await page.getByRole('button', { name: 'Make a token' }).click()
  const token = await page.locator('code').innerText()
  expect(token).toMatch(/^dvt_/)
  await page.getByRole('link', { name: 'Devices' }).click()
  await expectNothingLeft(page, account.password, token)
  // In the other language, without a reload.
  await page.getByRole('link', { name: 'Profile' }).click()
  await page.getByLabel('Language').selectOption('de')
  await expect(page.getByRole('heading', { name: 'Einstellungen' })).toBeVisible()
  await page.getByLabel('Sprache').selectOption('en')
  // The new password works, the old one does not, and deleting the account ends it.
  await page.getByRole('link', { name: 'Password and second factor' }).click()
  await page.getByLabel('Present password').fill(account.password)
  await page.getByLabel('New password').fill('another long sentence of mine')
  await page.getByRole('button', { name: 'Change the password' }).click()
  await expect(page.getByText('The password is changed')).toBeVisible()
  await page.getByRole('link', { name: 'Delete the account' }).click()
  await page.getByRole('button', { name: 'Delete the account' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete the account' }).click()
  await expect(page).toHaveURL(/login/)
  await signIn(page, { ...account, password: 'another long sentence of mine' })
  await expect(page.getByRole('alert')).toContainText('Address or password are not right.')
})
