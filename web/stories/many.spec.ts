import { expect, register, test } from './vault'

const all = 100_000

test('a list of 100,000 papers stays small in the document and follows the scroll', async ({ page }) => {
  test.setTimeout(120_000)
  await register(page)
  // The lists of the API itself are measured elsewhere; here it is the page that has to hold them.
  await page.route('**/v1/documents?**', async (route) => {
    const from = Number(new URL(route.request().url()).searchParams.get('cursor') ?? 0)
    const to = Math.min(all, from + (from === 0 ? 60 : 10_000))
    const items = Array.from({ length: to - from }, (_, i) => ({
      id: `01900000-0000-7000-8000-${String(from + i).padStart(12, '0')}`,
      filename: `paper ${from + i}.pdf`,
      title: '',
      size: 1000,
      content_type: 'application/pdf',
      sha256: '',
      status: 'ready',
      suggestions: [],
      tags: [],
      topic: 'invoice',
      created_at: new Date(Date.UTC(2025, 0, 1) - (from + i) * 1000).toISOString(),
      updated_at: '2025-01-01T00:00:00Z',
      version: 1,
    }))
    await route.fulfill({ json: { items, ...(to < all && { next_cursor: String(to) }) } })
  })
  await page.goto('/library')
  const list = page.getByRole('list', { name: 'All papers' })
  await expect(list.getByRole('listitem').first()).toBeVisible()
  await page.evaluate(() => {
    const tasks: number[] = ((window as unknown as { tasks: number[] }).tasks = [])
    new PerformanceObserver((seen) => tasks.push(...seen.getEntries().map((e) => e.duration))).observe({ type: 'longtask' })
  })
  const scroller = list.locator('xpath=..')
  for (let tries = 0; tries < 40; tries++) {
    await scroller.evaluate((e) => e.scrollTo(0, e.scrollHeight))
    if ((await list.getByRole('listitem').last().getAttribute('aria-setsize')) === String(all)) break
    await page.waitForTimeout(100)
  }
  await expect(list.getByRole('listitem').last()).toHaveAttribute('aria-setsize', String(all))
  await page.evaluate(() => ((window as unknown as { tasks: number[] }).tasks.length = 0))
  const height = await scroller.evaluate((e) => e.scrollHeight)
  for (let i = 0; i <= 20; i++) {
    await scroller.evaluate((e, y) => e.scrollTo(0, y), (height * i) / 20)
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
    expect(await list.getByRole('listitem').count()).toBeLessThan(60)
  }
  await expect(page.getByRole('link', { name: `paper ${all - 1}.pdf` })).toBeVisible()
  // 20 to 100 ms on a quiet machine; this one may have other work. With all rows
  // in the document it would be many seconds.
  const longest = await page.evaluate(() => Math.max(0, ...(window as unknown as { tasks: number[] }).tasks))
  expect(longest).toBeLessThan(1000)
  await list.getByRole('link').last().focus()
  await page.keyboard.press('Home')
  await expect(page.getByRole('link', { name: 'paper 0.pdf', exact: true })).toBeFocused()
})
