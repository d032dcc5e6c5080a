import { expect, register, test } from './vault'

/** What may be sent before something is seen, in compressed bytes. */
const most = 180 * 1024

test('the first load is light, compressed and kept', async ({ page }) => {
  const sent = new Map<string, number>()
  page.on('response', async (response) => {
    if (!/\.m?js$/.test(new URL(response.url()).pathname)) return
    expect(response.headers()['content-encoding'], response.url()).toMatch(/^(br|gzip)$/)
    expect(response.headers()['cache-control']).toContain('immutable')
    sent.set(new URL(response.url()).pathname, Number(response.headers()['content-length']))
  })
  const total = () => [...sent.values()].reduce((a, b) => a + b, 0)
  await page.goto('/login')
  await page.waitForLoadState('networkidle')
  expect(sent.size).toBeGreaterThan(2)
  expect(total()).toBeLessThan(most)
  await register(page)
  sent.clear()
  // A browser that has nothing of it, at the library.
  const fresh = await page.context().newCDPSession(page)
  await fresh.send('Network.clearBrowserCache')
  await page.goto('/library')
  await expect(page.getByRole('heading', { name: 'Drop your papers here' })).toBeVisible()
  await page.waitForLoadState('networkidle')
  expect(total()).toBeLessThan(most)
  expect([...sent.keys()].filter((path) => /pdf|uppy|engine|hash\.worker/i.test(path)), 'reader and uploader come when they are needed').toEqual([])
})
