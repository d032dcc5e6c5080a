import AxeBuilder from './axe'
import { add, expect, headersOf, newAccount, operate, register, signIn, test } from './vault'

test('an administrator counts, limits, closes and invites, and sees nothing of anybody', async ({ page, browser }) => {
  const theirs = await browser.newContext()
  const their = await theirs.newPage()
  const user = await register(their)
  await add(their, { name: 'divorce-papers.txt', mimeType: 'text/plain', buffer: Buffer.from('nobody may read this') })
  await their.goto('/admin')
  await expect(their.getByRole('heading', { name: 'There is nothing at this address.' })).toBeVisible()
  await their.goto('/library')
  await their.getByRole('button', { name: user.email }).click()
  await expect(their.getByRole('menuitem', { name: 'Settings' })).toBeVisible()
  await expect(their.getByRole('menuitem', { name: 'Administration' })).toBeHidden()
  await their.keyboard.press('Escape')

  const account = await register(page)
  operate('admin', 'create', account.email)
  const answers: string[] = []
  page.on('response', (response) => {
    if (response.url().includes('/v1/admin/')) void response.text().then((text) => answers.push(text), () => undefined)
  })
  await page.reload()
  await page.getByRole('button', { name: account.email }).click()
  await page.getByRole('menuitem', { name: 'Administration' }).click()
  await expect(page.getByRole('heading', { name: 'Administration' })).toBeVisible()
  const line = page.getByRole('row').filter({ hasText: user.email })
  const more = page.getByRole('region', { name: 'Accounts' }).locator('xpath=..').getByRole('button', { name: 'Show more' })
  while (!(await line.isVisible()) && (await more.isVisible())) await more.click()
  await expect(line).toContainText('20 bytes')
  expect(await AxeBuilder.inBoth(page)).toEqual([])

  // A limit below what is used keeps everything and lets nothing more in.
  const limit = page.getByLabel(`Limit of ${user.email} in GB`)
  await limit.fill('')
  await page.keyboard.press('Tab')
  await expect(limit).toHaveValue('0.1')
  await limit.fill('0')
  await page.keyboard.press('Tab')
  await expect(page.getByText('Saved.').first()).toBeVisible()
  const headers = await headersOf(their, user)
  expect(((await (await their.request.get('/v1/me', { headers })).json()) as { quota: { limit_bytes: number } }).quota.limit_bytes).toBe(0)

  await line.getByRole('button', { name: 'Close' }).click()
  const sure = page.getByRole('alertdialog')
  await expect(sure).toContainText('All its sessions end at once')
  await sure.getByRole('button', { name: 'Close' }).click()
  await expect(line).toContainText('(closed)')
  await their.getByRole('link', { name: 'Trash' }).click()
  await expect(their).toHaveURL(/login/)
  await signIn(their, user)
  await expect(their.getByRole('alert')).toContainText('Address or password are not right.')
  await line.getByRole('button', { name: 'Open again' }).click()
  await expect(line).not.toContainText('(closed)')
  await signIn(their, user)
  await expect(their).toHaveURL(/library|trash/)
  await theirs.close()

  // An invite is shown once, listed without its secret, and can be revoked.
  const guest = newAccount()
  await page.getByLabel('Invite an address').fill(guest.email)
  await page.getByRole('button', { name: 'Make an invite' }).click()
  const link = new URL(await page.getByRole('status').locator('code').innerText())
  expect(link.pathname).toBe('/register')
  const invites = page.getByRole('list', { name: 'Invites' })
  await invites.getByRole('button', { name: `Revoke ${guest.email}` }).click()
  await expect(page.getByText('The invite is revoked.')).toBeVisible()
  await expect(invites.getByRole('listitem').first()).toContainText(/address forgotten.*revoked/)

  // Who did what is there by account; of papers there is nothing, in no answer either.
  await expect(page.getByRole('list', { name: 'Security events' })).toContainText('Signed in')
  for (const seen of [await page.locator('main').innerText(), ...answers]) {
    expect(seen).not.toContain('divorce')
    expect(seen).not.toContain('upload.')
    expect(seen).not.toContain('document.')
  }
  expect(answers.length).toBeGreaterThan(5)
  const id = (await (await page.request.get('/v1/me', { headers })).json()) as { id: string }
  const mine = await headersOf(page, account)
  // There is no way to be somebody: the API knows none.
  for (const path of [`/v1/admin/users/${id.id}/documents`, `/v1/admin/users/${id.id}/login`]) {
    expect((await page.request.post(path, { headers: mine })).status()).toBe(404)
  }
})
