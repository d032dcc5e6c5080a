import { createHmac } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { expect, expectNothingLeft, newAccount, register, signIn, test, tokenOf } from './vault'

/** The code of an authenticator app (RFC 6238: SHA-1, 6 digits, 30 seconds). */
function totp(secret: string, at = Date.now()): string {
  let bits = ''
  for (const c of secret.replace(/=+$/, '')) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((b) => parseInt(b, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)))
  const mac = createHmac('sha1', key).update(counter).digest()
  const offset = (mac[19] ?? 0) & 15
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

test('registers, reloads, signs out and in again, and leaves no secret anywhere', async ({ page }) => {
  const account = await register(page)
  await expectNothingLeft(page, account.password)
  await page.reload()
  await expect(page).toHaveURL(/library/)
  await expectNothingLeft(page, account.password)
  await page.getByRole('button', { name: account.email }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await expect(page).toHaveURL(/login$/)
  await page.reload()
  await expect(page.getByRole('heading', { name: 'Sign in to your vault' })).toBeVisible()

  await signIn(page, { ...account, password: 'not the right one' })
  await expect(page.getByRole('alert')).toContainText('Address or password are not right.')
  await expect(page.getByRole('alert')).toContainText(/Request [0-9a-f-]{36}/)
  await signIn(page, account)
  await expect(page).toHaveURL(/library/)
  await expectNothingLeft(page, account.password, 'not the right one')
})

test('too many tries are refused with how long to wait, and only those of one network', async ({ page }) => {
  const register = (headers = {}) => page.request.post('/v1/auth/register', { data: newAccount(), headers })
  for (let i = 0; i < 20; i++) expect((await register()).status()).toBe(201)
  const { email, password } = newAccount()
  // Before there is a page that could be renewing the last one's session.
  await page.context().clearCookies()
  await page.goto('/register')
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Create an account' }).click()
  await expect(page.getByRole('alert')).toContainText(/Too many tries\. Wait \d+ (second|minute)s? and try again\./)
  expect((await register({ 'X-Forwarded-For': '198.51.100.7' })).status()).toBe(201)
})

test('asks for the second factor when the account has one', async ({ page }) => {
  const account = await register(page)
  const token = await tokenOf(page, account)
  const headers = { Authorization: `Bearer ${token}` }
  await page.request.post('/v1/auth/reauth', { data: { password: account.password }, headers })
  const enrolment = (await (await page.request.post('/v1/me/totp', { headers })).json()) as { secret: string }
  const at = Date.now()
  const confirmed = await page.request.post('/v1/me/totp/confirm', { data: { code: totp(enrolment.secret, at - 30_000) }, headers })
  expect(confirmed.status()).toBe(200)

  // With recovery codes at hand, no link is needed. The proof that the page's
  // own session had was given without the second factor, and is none any more.
  await page.goto('/settings/security')
  await page.getByRole('button', { name: 'Send no link' }).click()
  const proof = page.getByRole('dialog', { name: 'Confirm that it is you' })
  await proof.getByLabel('Password', { exact: true }).fill(account.password)
  await proof.getByRole('button', { name: 'Confirm' }).click()
  await proof.getByLabel('Code').fill(totp(enrolment.secret, at))
  await proof.getByRole('button', { name: 'Confirm' }).click()
  await expect(proof).toBeHidden()
  await expect(page.getByText('Only a recovery code sets a new one')).toBeVisible()
  await page.reload()
  await expect(page.getByRole('button', { name: 'Send a link again' })).toBeVisible()

  await page.context().clearCookies()
  await page.goto('/login')
  await signIn(page, account)
  await expect(page.getByText('The password is right.')).toBeVisible()
  await expect(page.getByLabel('Code')).toBeFocused()
  await page.getByLabel('Code').fill(totp(enrolment.secret, at + 30_000))
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/library/)
  await expectNothingLeft(page, account.password)
})

test('the second factor is switched on, its codes renewed, and it is switched off, on the page', async ({ page }) => {
  const account = await register(page)
  await page.goto('/settings/security')
  await page.getByRole('button', { name: 'Switch it on' }).click()
  const secret = await page.locator('code').innerText()
  await expect(page.getByRole('img', { name: 'QR code' })).toBeVisible()
  await page.getByLabel('Code', { exact: true }).fill('000000')
  await page.getByRole('button', { name: 'Switch it on' }).click()
  await expect(page.getByRole('alert')).toBeVisible()
  await page.getByLabel('Code', { exact: true }).fill(totp(secret))
  await page.getByRole('button', { name: 'Switch it on' }).click()
  const codes = page.getByRole('status').getByRole('listitem')
  await expect(codes.first()).toBeVisible()
  const before = await codes.allInnerTexts()
  expect(before.length).toBeGreaterThan(7)
  await page.getByRole('button', { name: 'New recovery codes' }).click()
  await expect(codes.first()).not.toHaveText(before[0] ?? '')
  expect((await codes.allInnerTexts()).filter((code) => before.includes(code))).toEqual([])
  await page.getByRole('button', { name: 'Switch the second factor off' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Switch the second factor off' }).click()
  await expect(page.getByText('Off. With it')).toBeVisible()
  // What was shown once is gone with the view.
  await page.getByRole('link', { name: 'Devices' }).click()
  await expectNothingLeft(page, account.password, secret, ...before)
})

test('a revoked session ends at the sign-in, with a sentence, and goes on where it was', async ({ page }) => {
  const account = await register(page)
  await page.goto('/trash')
  await expect(page.getByText('The trash is empty.')).toBeVisible()
  const token = await tokenOf(page, account)
  await page.request.delete('/v1/auth/sessions', { headers: { Authorization: `Bearer ${token}` } })
  // Unless the page has asked by itself meanwhile.
  await page.getByRole('link', { name: 'All papers' }).click({ timeout: 5_000 }).catch(() => undefined)
  await expect(page.getByText('This session was ended, here or on another of your devices.')).toBeVisible()
  await signIn(page, account)
  await expect(page).toHaveURL(/(library|trash)$/)
})

test('tabs share a session, and a sign-out ends all', async ({ context }) => {
  const account = newAccount()
  const first = await context.newPage()
  await register(first, account)
  let refreshes = 0
  context.on('request', (request) => {
    if (request.url().endsWith('/v1/auth/refresh')) refreshes++
  })
  // A tab that has a token gives it; on a machine that is busy one may hear of it too late.
  const more = await Promise.all([context.newPage(), context.newPage(), context.newPage()])
  await Promise.all(more.map((page) => page.goto('/library')))
  for (const page of more) await expect(page.getByRole('button', { name: account.email })).toBeVisible()
  expect(refreshes).toBeLessThan(more.length)

  await first.getByRole('button', { name: account.email }).click()
  await first.getByRole('menuitem', { name: 'Sign out' }).click()
  for (const page of [first, ...more]) await expect(page).toHaveURL(/login/)
})

test('tabs of a laptop that slept go on, and one of them refreshes', async ({ context }) => {
  const account = newAccount()
  const pages: Page[] = []
  while (pages.length < 4) {
    const page = await context.newPage()
    await page.clock.install()
    if (pages.length === 0) await register(page, account)
    else await page.goto('/library')
    await expect(page.getByRole('button', { name: account.email })).toBeVisible()
    pages.push(page)
  }
  let refreshes = 0
  const refused: number[] = []
  context.on('response', (response) => {
    if (response.url().endsWith('/v1/auth/refresh')) refreshes++
    if (response.status() === 401) refused.push(response.status())
  })
  // An hour later no tab's token is good any more, and all of them want one at once.
  for (const page of pages) await page.clock.setSystemTime(Date.now() + 3600_000)
  await Promise.all(pages.map((page) => page.getByRole('link', { name: 'Trash' }).click()))
  for (const page of pages) await expect(page.getByText('The trash is empty.')).toBeVisible()
  expect(refreshes).toBeGreaterThan(0)
  // One; on a machine that is busy a tab may hear of it too late, which the vault forgives.
  expect(refreshes).toBeLessThan(pages.length)
  expect(refused).toEqual([])
})

test('a vault that does not answer is waited for', async ({ page, watch }) => {
  watch.expected.push(/net::ERR/)
  const account = await register(page)
  let answers = false
  await page.route('**/v1/auth/refresh', (route) => (answers ? route.continue() : route.abort('connectionrefused')))
  await page.reload()
  await expect(page.getByText('The vault does not answer.')).toBeVisible()
  answers = true
  await expect(page.getByRole('button', { name: account.email })).toBeVisible()
})

test('a lost answer of a refresh signs nobody out', async ({ page, watch }) => {
  watch.expected.push(/net::ERR/)
  const account = await register(page)
  let lost = 0
  await page.route('**/v1/auth/refresh', async (route) => {
    if (lost++ > 0) return route.continue()
    // The vault rotated, and nobody hears of it: the cookie of the answer is lost too.
    const cookies = await page.context().cookies()
    await route.fetch()
    await page.context().clearCookies()
    await page.context().addCookies(cookies)
    return route.abort('connectionreset')
  })
  await page.reload()
  await expect(page.getByRole('button', { name: account.email })).toBeVisible()
  expect(lost).toBe(2)
})

/** The address in the newest mail to somebody, from where a vault without a mail server puts its mails. */
function mailedLink(to: string): URL | undefined {
  const folder = join(process.env['DOCUVAULT_DATA'] ?? '', 'mail')
  // It is made for the first mail.
  if (!existsSync(folder)) return undefined
  for (const name of readdirSync(folder).sort().reverse()) {
    const mail = readFileSync(join(folder, name), 'utf8')
    if (!mail.includes(to)) continue
    // Quoted-printable (RFC 2045 section 6.7).
    const text = mail.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    const found = /https?:\/\/\S+#token=[\w.~-]+/.exec(text)
    if (found) return new URL(found[0])
  }
  return undefined
}

test('a forgotten password is replaced by a link in a mail, whose token stays nowhere', async ({ page }) => {
  const account = await register(page)
  // The page has its session before the cookie goes.
  await expect(page.getByRole('button', { name: account.email })).toBeVisible()
  await page.context().clearCookies()
  await page.goto('/login')
  await page.getByRole('link', { name: 'Forgotten your password?' }).click()
  await expect(page.getByRole('heading', { name: 'A new password' })).toBeVisible()
  await page.getByLabel('E-mail address').fill(account.email)
  await page.getByRole('button', { name: 'Send the link' }).click()
  await expect(page.getByText(`If there is an account for ${account.email}`)).toBeVisible()

  let link: URL | undefined
  await expect.poll(() => (link = mailedLink(account.email))?.pathname).toBe('/reset')
  const token = link?.hash.slice('#token='.length) ?? ''
  expect(token.length).toBeGreaterThan(20)
  await page.goto(`/reset${link?.hash ?? ''}`)
  await expect(page).toHaveURL(/\/reset$/)
  const password = 'another long sentence of mine'
  await page.getByLabel('New password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Set the password' }).click()
  await expect(page.getByText('The new password is set')).toBeVisible()
  await expectNothingLeft(page, account.password, password, token)

  await page.goto('/login')
  await page.goto(`/reset${link?.hash ?? ''}`)
  await page.getByLabel('New password', { exact: true }).fill('and once more with the same link')
  await page.getByRole('button', { name: 'Set the password' }).click()
  await expect(page.getByRole('alert')).toContainText('This link does not work')
  await page.getByRole('link', { name: 'Sign in' }).click()
  await expect(page.getByRole('heading', { name: 'Sign in to your vault' })).toBeVisible()
  await signIn(page, { ...account, password })
  await expect(page).toHaveURL(/library/)
})
