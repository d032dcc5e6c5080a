import { randomBytes } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'
import Axe from './axe'
import { choose, expect, register, test } from './vault'
import type { Page } from '@playwright/test'

/** A page with a few lines, as PDF. */
function pdf(words: string): Buffer {
  const lines = Array.from({ length: 24 }, (_, i) => `(${i === 0 ? words : 'and some more words in this line, for the look of it'}) Tj T*`).join('\n')
  const content = `BT /F1 13 Tf 20 TL 60 770 Td\n${lines}\nET`
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ]
  let out = '%PDF-1.4\n'
  const at = objects.map((body, i) => {
    const offset = out.length
    out += `${i + 1} 0 obj\n${body}\nendobj\n`
    return `${String(offset).padStart(10, '0')} 00000 n \n`
  })
  return Buffer.from(`${out}xref\n0 6\n0000000000 65535 f \n${at.join('')}trailer << /Size 6 /Root 1 0 R >>\nstartxref\n${out.length}\n%%EOF\n`)
}

/** A picture of one colour, as TIFF (6.0, section 6), which no browser here shows. */
function tiff(width: number, height: number): Buffer {
  const entries = [[256, 4, 1, width], [257, 4, 1, height], [258, 3, 3, 8], [259, 3, 1, 1], [262, 3, 1, 2], [273, 4, 1, 14], [277, 3, 1, 3], [278, 4, 1, height], [279, 4, 1, 3 * width * height]]
  const head = Buffer.from('49492a00000000000800080008000000', 'hex')
  head.writeUInt32LE(16 + 3 * width * height, 4)
  const directory = Buffer.alloc(2 + 12 * entries.length + 4)
  directory.writeUInt16LE(entries.length)
  entries.forEach(([tag = 0, kind = 0, count = 0, value = 0], i) => {
    directory.writeUInt16LE(tag, 2 + 12 * i)
    directory.writeUInt16LE(kind, 4 + 12 * i)
    directory.writeUInt32LE(count, 6 + 12 * i)
    directory.writeUInt32LE(tag === 273 ? 16 : value, 10 + 12 * i)
  })
  return Buffer.concat([head, Buffer.alloc(3 * width * height, 90), directory])
}

/** A picture of two colours, or of noise, which no file makes small, as PNG. */
function png(width: number, height: number, noise = false): Buffer {
  const chunk = (kind: string, body: Buffer) => {
    const head = Buffer.alloc(8)
    head.writeUInt32BE(body.length)
    head.write(kind, 4)
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(Buffer.concat([head.subarray(4), body])))
    return Buffer.concat([head, body, sum])
  }
  const size = Buffer.alloc(13)
  size.writeUInt32BE(width)
  size.writeUInt32BE(height, 4)
  size.set([8, 2, 0, 0, 0], 8)
  const line = (y: number) => Buffer.concat([Buffer.alloc(1), noise ? randomBytes(3 * width) : Buffer.alloc(3 * width, y < height / 2 ? Buffer.from([30, 110, 140]) : Buffer.from([210, 160, 60]))])
  const pixels = Buffer.concat(Array.from({ length: height }, (_, y) => line(y)))
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', size), chunk('IDAT', deflateSync(pixels)), chunk('IEND', Buffer.alloc(0))])
}

/** The natural width of a picture that was loaded; 0 before. */
const width = (page: Page, name: string) =>
  page
    .getByRole('listitem')
    .filter({ has: page.getByRole('link', { name, exact: true }) })
    .locator('img')
    .evaluateAll((all: HTMLImageElement[]) => all.find((each) => each.complete)?.naturalWidth ?? 0)

test('first pages are seen without a reload, in the grid, in the list and in a search', async ({ page }) => {
  await register(page)
  await choose(
    page,
    { name: 'letter.pdf', mimeType: 'application/pdf', buffer: pdf('Dear kiln') },
    { name: 'photo.png', mimeType: 'image/png', buffer: png(800, 600) },
    { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('only words') },
  )
  await expect.poll(() => width(page, 'letter.pdf')).toBe(226)
  await expect.poll(() => width(page, 'photo.png')).toBe(320)

  await page.getByRole('button', { name: 'Show as tiles' }).click()
  await expect(page.getByRole('img', { name: 'First page of letter.pdf' })).toBeVisible()
  await expect(page.getByRole('img', { name: 'First page of photo.png' })).toBeVisible()
  await expect(page.getByRole('img', { name: 'First page of note.txt' })).toHaveCount(0)
  // What is shown has its place before it is there: each card is as tall as the others.
  const cards = page.getByRole('listitem').filter({ has: page.getByRole('checkbox') })
  expect(await cards.evaluateAll((all) => all.map((each) => each.getBoundingClientRect().height))).toEqual([250, 250, 250])
  expect(await Axe.inBoth(page)).toEqual([])
  // They are in memory, and no browser writes them down: seen again, none is asked for again.
  const asked: string[] = []
  page.on('response', (answer) => {
    if (/derived/.test(answer.url())) asked.push(/\bno-store\b/.exec(String(answer.headers()['cache-control']))?.[0] ?? 'stored')
  })
  await page.getByRole('button', { name: 'Show as a list' }).click()
  await expect.poll(() => width(page, 'photo.png')).toBe(320)
  expect(asked).toEqual([])
  await page.reload()
  await expect.poll(() => width(page, 'letter.pdf')).toBe(226)

  await expect.poll(() => asked).toEqual(['no-store', 'no-store'])

  await page.getByRole('combobox', { name: 'Search your papers' }).fill('kiln')
  await expect.poll(() => width(page, 'letter.pdf')).toBe(226)
})

test('a picture whose address is of no use any more is asked for again', async ({ page }) => {
  await register(page)
  // The first answer that tells of a picture has an address that storage refuses.
  let told = 0
  await page.route(/\/v1\/documents(\?|\/)/, async (route) => {
    const answer = await route.fetch()
    const body = await answer.text()
    const preview = /"preview":\{"url":"[^"]*/
    if (route.request().method() === 'GET' && told === 0 && preview.test(body)) {
      told++
      await route.fulfill({ response: answer, body: body.replace(/X-Amz-Signature=[0-9a-f]{8}/, 'X-Amz-Signature=00000000') })
    } else await route.fulfill({ response: answer, body })
  })
  await choose(page, { name: 'letter.pdf', mimeType: 'application/pdf', buffer: pdf('Dear potter') })
  await expect.poll(() => width(page, 'letter.pdf')).toBe(226)
  expect(told).toBe(1)
})

test('a heavy picture is seen in the size the vault made before all of it is asked for, and one without a view has a card', async ({ page }) => {
  await register(page)
  await choose(page, { name: 'noise.png', mimeType: 'image/png', buffer: png(1500, 1000, true) })
  await expect.poll(() => width(page, 'noise.png')).toBe(320)
  const originals: string[] = []
  page.on('request', (request) => {
    if (/\/download/.test(request.url())) originals.push(request.method())
  })
  await page.getByRole('link', { name: 'noise.png', exact: true }).click()
  const picture = page.getByRole('img', { name: 'noise.png' })
  const natural = () => picture.evaluate((img: HTMLImageElement) => img.naturalWidth)
  await expect.poll(natural).toBe(1280)
  await expect(page.getByText('Shown smaller than it is.')).toBeVisible()
  expect(originals).toEqual([])
  expect(await Axe.inBoth(page)).toEqual([])
  await page.getByRole('button', { name: 'Show the whole picture, 4.3 MB' }).press('Enter')
  await expect.poll(natural).toBe(1500)
  expect(originals).toEqual(['GET'])

  // A scan as TIFF: the vault makes a picture of it, and the page shows that.
  await page.getByRole('button', { name: 'Back' }).click()
  await choose(page, { name: 'scan.tiff', mimeType: 'image/tiff', buffer: tiff(400, 600) })
  await expect.poll(() => width(page, 'scan.tiff')).toBe(213)
  await page.getByRole('link', { name: 'scan.tiff', exact: true }).click()
  await expect.poll(() => page.getByRole('img', { name: 'scan.tiff' }).evaluate((img: HTMLImageElement) => img.naturalWidth)).toBe(400)
  await expect(page.getByText('as the vault made it')).toBeVisible()

  // The head of a HEIC file (ISO/IEC 23008-12): its kind is known, and no browser shows it.
  await page.getByRole('button', { name: 'Back' }).click()
  await choose(page, { name: 'phone.heic', mimeType: 'image/heic', buffer: Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic\0\0\0\0heicmif1'), randomBytes(2000)]) })
  await expect(page.getByRole('listitem').filter({ has: page.getByRole('link', { name: 'phone.heic', exact: true }) })).toBeVisible()
  await page.getByRole('link', { name: 'phone.heic', exact: true }).click()
  await expect(page.getByText('the paper itself is fine')).toBeVisible()
  expect(await Axe.inBoth(page)).toEqual([])
  const saved = page.waitForEvent('download')
  await page.getByRole('main').getByRole('button', { name: 'Download' }).click()
  expect((await saved).suggestedFilename()).toBe('phone.heic')
})
