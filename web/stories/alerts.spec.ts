import AxeBuilder from './axe'
import { expect, headersOf, newAccount, register, signIn, test } from './vault'

test('an alert has a sign on every page until it is read, in all tabs and by keyboard', async ({ page, context, browser, baseURL }) => {
  const account = await register(page, newAccount())
  const sign = (on: typeof page) => on.getByRole('link', { name: /unread alert/ })
  await expect(page.getByRole('button', { name: account.email })).toBeVisible()
  await expect(sign(page)).toHaveCount(0)

  // Somebody else signs in, on a device that is not known.
  const elsewhere = await browser.newContext({ baseURL: baseURL ?? '' })
  const stranger = await elsewhere.newPage()
  await stranger.goto('/login')
  await signIn(stranger, account)
  await stranger.waitForURL(/welcome|library/)
  await elsewhere.close()

  // The page hears of it by itself when it is looked at again, and says so once.
  const seen = () => document.dispatchEvent(new Event('visibilitychange'))
  await page.evaluate(seen)
  await expect(sign(page)).toHaveAccessibleName('1 unread alert')
  await expect(page.getByRole('status').filter({ hasText: '1 unread alert' })).toHaveCount(1)
  const other = await context.newPage()
  await other.goto('/library')
  await expect(sign(other)).toBeVisible()

  await sign(page).press('Enter')
  const alerts = page.getByRole('region', { name: 'Alerts' })
  await expect(alerts.getByRole('listitem')).toContainText(['Somebody signed in on a device that was not known.'])
  await expect(alerts.getByRole('listitem').first()).toContainText('new')
  expect(await AxeBuilder.inBoth(page)).toEqual([])

  await alerts.getByRole('button', { name: 'Mark all as read' }).press('Enter')
  await expect(page.getByText('All alerts are marked as read.')).toBeVisible()
  await expect(alerts.getByRole('heading', { name: 'Alerts' })).toBeFocused()
  await expect(alerts.getByRole('button', { name: 'Mark all as read' })).toHaveCount(0)
  await expect(sign(page)).toHaveCount(0)
  expect(await AxeBuilder.inBoth(page)).toEqual([])
  await other.evaluate(seen)
  await expect(sign(other)).toHaveCount(0)

  // The API says the same, and after a reload nothing is new.
  const headers = await headersOf(page, account)
  const { items } = (await (await page.request.get('/v1/me/alerts', { headers })).json()) as { items: { read_at?: string }[] }
  expect(items.map((each) => Boolean(each.read_at))).toEqual([true])
  await page.reload()
  await expect(alerts.getByRole('listitem')).toHaveCount(1)
  await expect(sign(page)).toHaveCount(0)
})
