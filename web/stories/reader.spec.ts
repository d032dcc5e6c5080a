import { deflateSync } from 'node:zlib'
import AxeBuilder from './axe'
import { pdf } from './pdf'
import { add, expect, headersOf, register, row, test } from './vault'

const open = (page: Parameters<typeof row>[0], name: string) => row(page, name).getByRole('link').click()

test('a PDF is read, searched across its lines, and made larger', async ({ page }) => {
  await register(page)
  const pages = Array.from({ length: 6 }, (_, i) => [`This is page ${i + 1} of a lease.`, i % 2 ? 'The notice' : 'Nothing about that', 'period is three months.'])
  await add(page, { name: 'lease.pdf', mimeType: 'application/pdf', buffer: pdf(pages) })
  await open(page, 'lease.pdf')
  await expect(page.getByText('Page 1 of 6')).toBeVisible()
  await expect(page.locator('[data-page="1"] .textLayer')).toContainText('This is page 1 of a lease.')
  // It was drawn: not all of it is white.
  const inked = (n: number) =>
    page.locator(`[data-page="${n}"] canvas`).evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width || 1, canvas.height || 1) ?? { data: [] }
      for (let i = 0; i < data.length; i += 4) if ((data[i] ?? 255) < 128 && data[i + 3]) return true
      return false
    })
  await expect.poll(() => inked(1)).toBe(true)

  const find = page.getByRole('searchbox', { name: 'Find in this paper' })
  await find.fill('notice period')
  await expect(page.getByText('1 of 3', { exact: true })).toBeVisible()
  await expect(page.locator('[data-page="2"] .hit-now').first()).toBeInViewport()
  await find.press('Enter')
  await expect(page.getByText('2 of 3', { exact: true })).toBeVisible()
  await expect(page.locator('[data-page="4"] .hit-now').first()).toBeInViewport()
  await find.press('Shift+Enter')
  await expect(page.locator('[data-page="2"] .hit-now').first()).toBeInViewport()
  await find.fill('zebra')
  await expect(page.getByText('Not found')).toBeVisible()

  const wide = async () => (await page.locator('[data-page="1"]').boundingBox())?.width ?? 0
  const before = await wide()
  await page.getByRole('button', { name: 'Larger' }).click()
  await expect.poll(wide).toBeCloseTo(before * 1.25, -1)
  await page.getByRole('button', { name: 'Whole width' }).click()
  await expect.poll(wide).toBeCloseTo(before, -1)
  expect(await AxeBuilder.inBoth(page)).toEqual([])
})

/** A picture of one colour (PNG, the W3C's specification, third edition). */
function png(width: number, height: number): Buffer {
  const crc = (bytes: Buffer) => {
    let c = ~0
    for (const byte of bytes) {
      c ^= byte
      for (let k = 0; k < 8; k++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0)
    }
    return ~c >>> 0
  }
  const chunk = (type: string, data: Buffer) => {
    const out = Buffer.alloc(12 + data.length)
    out.writeUInt32BE(data.length)
    out.write(type, 4, 'latin1')
    data.copy(out, 8)
    out.writeUInt32BE(crc(out.subarray(4, 8 + data.length)), 8 + data.length)
    return out
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width)
  head.writeUInt32BE(height, 4)
  head.set([8, 2], 8)
  const line = Buffer.alloc(1 + 3 * width, 120)
  line[0] = 0
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(Buffer.concat(Array<Buffer>(height).fill(line)))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

test('a picture is shown, moved to a folder, renamed and saved', async ({ page }) => {
  const account = await register(page)
  const headers = await headersOf(page, account)
  await page.request.post('/v1/folders', { data: { name: 'Pictures' }, headers })
  await page.reload()
  await add(page, { name: 'photo.png', mimeType: 'image/png', buffer: png(64, 48) })
  await open(page, 'photo.png')
  const picture = page.getByRole('img', { name: 'photo.png' })
  await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBe(64)
  await page.getByLabel('Folder', { exact: true }).selectOption({ label: 'Pictures' })
  await expect(page.getByRole('navigation', { name: 'Folders' }).getByRole('link', { name: 'Pictures' })).toContainText('1')
  await page.getByLabel('File name').fill('kitchen.png')
  await page.keyboard.press('Tab')
  await expect(page.getByRole('heading', { name: 'kitchen.png' })).toBeVisible()
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'What to do with kitchen.png' }).click()
  await page.getByRole('menuitem', { name: 'Download' }).click()
  expect((await saved).suggestedFilename()).toBe('kitchen.png')
  expect(await AxeBuilder.inBoth(page)).toEqual([])
})

test('hostile papers run nothing, in the page and by their own address', async ({ page, context }) => {
  const account = await register(page)
  const hack = 'document.documentElement.dataset.hacked=1;parent.postMessage(1,"*");fetch("http://evil.example/")'
  const script = `<script>${hack}</script>`
  const dialogs: string[] = []
  const opened: string[] = []
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  context.on('page', (other) => opened.push(other.url()))
  const evil = ['evil.svg', 'evil.html', 'evil.pdf']
  await add(
    page,
    { name: 'evil.svg', mimeType: 'image/svg+xml', buffer: Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">${script}<image href="http://evil.example/i.png"/><text>svg words</text></svg>`) },
    { name: 'evil.html', mimeType: 'text/html', buffer: Buffer.from(`<!doctype html><meta http-equiv="refresh" content="0;url=http://evil.example/"><img src="http://evil.example/x" onerror="alert(1)">${script}<iframe src="javascript:alert(2)"></iframe><p>html words</p>`) },
    {
      name: 'evil.pdf',
      mimeType: 'application/pdf',
      // Whole and readable, so that what it wants to run is really come upon.
      buffer: pdf([['pdf words']], {
        catalog: '/OpenAction 6 0 R/Names<</JavaScript<</Names[(a) 6 0 R]>>/EmbeddedFiles<</Names[]>>>>/AcroForm<</Fields[9 0 R]/XFA 10 0 R>>',
        page: '/AA<</O 7 0 R>>/Annots[8 0 R 9 0 R]',
        objects: [
          `<</S/JavaScript/JS(app.alert\\(1\\);${hack.replace(/[()]/g, '\\$&')})/Next 7 0 R>>`,
          '<</S/Launch/F(/bin/sh)/Next<</S/URI/URI(http://evil.example/)>>>>',
          '<</Type/Annot/Subtype/Link/Rect[0 0 300 400]/A<</S/URI/URI(javascript:alert\\(3\\))>>>>',
          '<</Type/Annot/Subtype/Widget/FT/Btn/T(b)/Rect[0 0 300 400]/AA<</E 6 0 R/U 6 0 R>>/A 6 0 R>>',
          `<</Length ${script.length}>>stream\n${script}\nendstream`,
        ],
      }),
    },
    { name: '<img src=x onerror=alert(1)>.txt', mimeType: 'text/plain', buffer: Buffer.from('named badly') },
  )
  const nothingRan = async () => {
    expect(await page.evaluate(() => document.documentElement.dataset['hacked'])).toBeUndefined()
    expect(await page.locator('iframe, object, embed, main a[href^="javascript"], svg script').count()).toBe(0)
    expect(dialogs).toEqual([])
    expect(opened).toEqual([])
  }
  for (const name of evil) {
    await open(page, name)
    await expect(page.getByRole('heading', { name })).toBeVisible()
    for (const shown of ['Text', 'Paper']) {
      await page.getByRole('button', { name: shown, exact: true }).click()
      await page.waitForLoadState('networkidle')
    }
    if (name === 'evil.pdf') {
      await expect(page.locator('.textLayer')).toContainText('pdf words')
      // Where its link and its button would be.
      for (const place of [{ x: 60, y: 40 }, { x: 100, y: 120 }]) await page.locator('[data-page="1"]').click({ position: place })
    }
    await nothingRan()
    await page.getByRole('button', { name: 'Back' }).click()
  }
  await expect(page.getByRole('link', { name: '<img src=x onerror=alert(1)>.txt' })).toBeVisible()

  // Whoever opens what storage answers: it is a file to save, or runs in a sandbox without anything.
  const headers = await headersOf(page, account)
  const { items } = (await (await page.request.get('/v1/documents', { headers })).json()) as { items: { id: string; filename: string }[] }
  for (const { id, filename } of items.filter((item) => evil.includes(item.filename))) {
    for (const disposition of ['inline', 'attachment']) {
      const { url } = (await (await page.request.get(`/v1/documents/${id}/download?disposition=${disposition}`, { headers })).json()) as { url: string }
      const answer = await page.request.get(url)
      expect(answer.headers()['content-security-policy'], filename).toContain('sandbox')
      expect(answer.headers()['content-security-policy'], filename).toContain("default-src 'none'")
      expect(answer.headers()['x-content-type-options'], filename).toBe('nosniff')
      if (filename !== 'evil.pdf') expect(answer.headers()['content-disposition'], filename).toMatch(/^attachment/)
    }
  }
  await nothingRan()
})
