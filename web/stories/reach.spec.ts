import pages from '../src/router/pages.json' with { type: 'json' }
import AxeBuilder from './axe'
import { pdf } from './pdf'
import { add, choose, expect, headersOf, newAccount, operate, register, row, test } from './vault'

test('axe finds nothing on any view, in light and dark, and nothing moves where that is asked', async ({ page }) => {
  const check = async (name: string) => {
    await expect(page.getByRole('heading', { level: 1 }), name).toHaveCount(1)
    await page.waitForLoadState('networkidle')
    expect(await AxeBuilder.inBoth(page), name).toEqual([])
    expect(await page.evaluate(() => document.getAnimations().length), `${name} moves`).toBe(0)
    expect(await page.title(), name).toMatch(/. · DocuVault$/)
  }
  const outside = ['login', 'register', 'forgot', 'reset', 'verify']
  for (const name of outside) {
    await page.goto(`/${name}`)
    await check(name)
  }
  await page.goto('/reset#token=abc')
  await check('reset with a link')
  await page.goto('/verify#token=abc')
  await check('verify with a link')

  const account = await register(page)
  operate('admin', 'create', account.email)
  const headers = await headersOf(page, account)
  const make = async (path: string, data: object) => ((await (await page.request.post(path, { data, headers })).json()) as { id: string }).id
  const folder = await make('/v1/folders', { name: 'A folder' })
  const topic = await make('/v1/topics', { name: 'A topic', colour: '#a14f70' })
  await add(page, { name: 'text.txt', mimeType: 'text/plain', buffer: Buffer.from('words') }, { name: 'paper.pdf', mimeType: 'application/pdf', buffer: pdf([['a page']]) })
  const papers = ((await (await page.request.get('/v1/documents', { headers })).json()) as { items: { id: string }[] }).items
  await page.request.patch(`/v1/documents/${papers[0]?.id}`, { data: { tags: ['a tag'], topic: 'A topic' }, headers })
  const tag = ((await (await page.request.get('/v1/tags', { headers })).json()) as { items: { id: string }[] }).items[0]?.id

  // Each first segment of an address has its views here; a new one has none, and fails.
  const inside: Record<string, string[]> = {
    '': ['/'],
    library: ['/library'],
    trash: ['/trash'],
    folders: [`/folders/${folder}`],
    topics: [`/topics/${topic}`],
    tags: [`/tags/${tag}`],
    documents: [...papers.map(({ id }) => `/documents/${id}`), `/documents/${folder}`],
    search: ['/search'],
    settings: [],
    admin: ['/admin'],
    welcome: ['/welcome'],
    nothing: ['/library/nothing'],
  }
  expect([...outside, ...Object.keys(inside)].filter((each) => each !== 'nothing').sort()).toEqual([...pages].sort())
  await page.goto('/settings')
  await expect(page.getByRole('heading', { name: 'Profile' })).toBeVisible()
  for (const link of await page.getByRole('navigation', { name: 'Settings' }).getByRole('link').all()) inside['settings']?.push(String(await link.getAttribute('href')))
  expect(inside['settings']?.length).toBeGreaterThan(7)
  for (const path of Object.values(inside).flat()) {
    await page.goto(path)
    await check(path)
  }
})

test('the whole story by keyboard alone', async ({ page }) => {
  const account = newAccount()
  const press = (...keys: string[]) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve())
  /** Goes on with Tab until what has the focus has this name, as who sees no pointer does. */
  const reach = async (name: string | RegExp, role?: Parameters<typeof page.getByRole>[0], most = 80) => {
    const wanted = role ? page.getByRole(role, { name, exact: typeof name === 'string' }) : page.getByLabel(name, { exact: typeof name === 'string' })
    for (let i = 0; i < most; i++) {
      if (await wanted.and(page.locator(':focus')).count()) return
      await press('Tab')
      // What has the focus is seen to have it, if it is a control: the heading of a new view is none.
      const seen = await page.evaluate(() => {
        const at = document.activeElement
        return !at || at.matches('body, h1, h2') || getComputedStyle(at).outlineStyle !== 'none' ? '' : at.outerHTML.slice(0, 200)
      })
      expect(seen, 'a focus that nobody sees').toBe('')
    }
    throw new Error(`no way to ${String(name)}`)
  }
  await page.goto('/register')
  await expect(page.getByRole('heading', { name: 'Create your vault' })).toBeVisible()
  await reach('E-mail address')
  await page.keyboard.type(account.email)
  await reach('Password')
  await page.keyboard.type(account.password)
  await press('Enter')
  for (const title of ['What nobody else sees', 'What you should know', 'How it works']) {
    await expect(page.getByRole('heading', { name: title })).toBeVisible()
    await reach(/Go on|To your papers/, 'button')
    await press('Enter')
  }
  await expect(page).toHaveURL(/library/)

  const chooser = page.waitForEvent('filechooser')
  await reach('Add papers', 'button')
  await press('Enter')
  await expect(page.getByRole('menuitem', { name: 'Choose files' })).toBeVisible()
  await press('ArrowDown', 'Home', 'Enter')
  const invoice = 'Invoice 7\nInvoice number 7, invoice date 17 April 2025. Amount due 1,234.56 EUR. Please pay the invoice within 14 days. VAT 19 %.'
  await (await chooser).setFiles([{ name: 'keys.txt', mimeType: 'text/plain', buffer: Buffer.from(invoice) }])
  await expect(row(page, 'keys.txt')).toContainText('invoice')
  await reach('keys.txt', 'link')
  await press('Enter')
  await expect(page.getByRole('region', { name: 'This looks like' })).toBeVisible()
  await reach('That is right', 'button')
  await press('a')
  await expect(page.getByRole('region', { name: 'This looks like' })).toBeHidden()
  await reach('Title')
  await page.keyboard.type('By keys alone')
  await press('Tab')
  await expect(page.getByRole('heading', { name: 'By keys alone' })).toBeVisible()
  await reach('Notes')
  await page.keyboard.type('no mouse here')
  await press('Tab')
  await expect(page.getByRole('form', { name: 'Details' })).toHaveAttribute('aria-busy', 'false')

  await press('Escape')
  await reach('Back', 'button')
  await press('/')
  await page.keyboard.type('keys alone')
  await expect(page.getByRole('link', { name: /By keys alone/ })).toBeVisible()
  await press('ArrowDown', 'Enter')
  await expect(page.getByLabel('Notes')).toHaveValue('no mouse here')

  await reach(account.email, 'button')
  await press('Enter')
  await expect(page.getByRole('menuitem', { name: 'Settings' })).toBeVisible()
  await press('Home', 'Enter')
  await reach('Topics', 'link')
  await press('Enter')
  await reach('New topic', 'button')
  await press('Enter')
  await expect(page.getByRole('dialog')).toBeVisible()
  await page.keyboard.type('Keyboards')
  await reach('As it comes', 'radio')
  await press('ArrowRight', 'Enter')
  await expect(page.getByRole('dialog')).toBeHidden()
  await expect(page.getByRole('list', { name: 'Topics' }).last()).toContainText('Keyboards')
  // A dialog gives the focus back to where it came from.
  await expect(page.getByRole('button', { name: 'New topic' })).toBeFocused()

  await reach(account.email, 'button')
  await press('Enter')
  await expect(page.getByRole('menuitem', { name: 'Sign out' })).toBeVisible()
  await press('End', 'Enter')
  await expect(page).toHaveURL(/login/)
})

test.describe('from another device, over plain http', () => {
  // A name that is not this machine's own: no secure context for the browser.
  test.use({ baseURL: (process.env['DOCUVAULT_URL'] ?? 'http://127.0.0.1:8080').replace('127.0.0.1', 'vault.test') })

  test('everything works that can, and the page says what https would add', async ({ page, watch }) => {
    // What Chromium says of headers that it only heeds over https.
    watch.expected.push(/Cross-Origin-Opener-Policy header has been ignored/, /Clear-Site-Data.*Not supported for insecure origins/)
    await page.goto('/register')
    expect(await page.evaluate(() => [window.isSecureContext, 'subtle' in crypto])).toEqual([false, false])
    await expect(page.getByText('This connection is not encrypted.')).toContainText('over https')
    const account = await register(page)
    await choose(page, { name: 'far.txt', mimeType: 'text/plain', buffer: Buffer.from('from a telephone in the kitchen') }, { name: 'far.pdf', mimeType: 'application/pdf', buffer: pdf([['a far page']]) })
    for (const name of ['far.txt', 'far.pdf']) await expect(row(page, name)).toBeVisible()
    await page.reload()
    await row(page, 'far.pdf').getByRole('link').click()
    await expect(page.locator('.textLayer')).toContainText('a far page')
    await page.getByRole('button', { name: 'Back' }).click()
    await row(page, 'far.txt').getByRole('link').click()
    await expect(page.getByText('from a telephone in the kitchen')).toBeVisible()
    const saved = page.waitForEvent('download')
    await page.getByRole('button', { name: 'What to do with' }).click()
    await page.getByRole('menuitem', { name: 'Download' }).click()
    expect((await saved).suggestedFilename()).toBe('far.txt')
    await page.keyboard.press('/')
    await page.keyboard.type('kitchen')
    await expect(page.getByRole('link', { name: 'far.txt' })).toBeVisible()
    await page.goto('/settings/security')
    await expect(page.getByText('on the way, others can read')).toBeVisible()
    await page.getByRole('button', { name: account.email }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await expect(page).toHaveURL(/login/)
  })
})
