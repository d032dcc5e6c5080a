import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { test as base, expect, request, type Page, type Request } from '@playwright/test'

export { expect }

/** What a story knows about the browser around it, checked when it ends. */
interface Watch {
  /** Messages of the console that the story expects. */
  expected: RegExp[]
}

/**
 * A network for each story, as if a proxy in front told of it: what the vault
 * lets one network do (20 registrations at once) is then a story's own.
 */
function aNetwork(): string {
  const [a = 0, b = 0] = randomBytes(2)
  return `10.${a}.${b}.1`
}

/** Up to how many milliseconds each request to the vault is held back: DOCUVAULT_SLOW finds what depends on a fast line. */
const slow = Number(process.env['DOCUVAULT_SLOW'] ?? 0)

/** Passwords that stories typed: none may lie anywhere a script or a thief of the profile could find it. */
const typed = new Set<string>()

/** An access token, wherever it is. */
const jwt = /eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\./

/**
 * A page that is watched: any request to another origin, any violation of the
 * page's policy, any error that nobody caught, any error on the console, any
 * password or access token in an address, or left behind when the story ends,
 * fails it.
 */
export const test = base.extend<{ watch: Watch }>({
  extraHTTPHeaders: async ({}, use) => use({ 'X-Forwarded-For': aNetwork() }),
  watch: [
    async ({ context, baseURL }, use) => {
      if (slow > 0) {
        await context.route('**/v1/**', async (route) => {
          await new Promise((resolve) => setTimeout(resolve, Math.random() ** 2 * slow))
          await route.fallback().catch(() => undefined) // the page may be gone by now
        })
      }
      const watch: Watch = { expected: [] }
      const bad: string[] = []
      const own = new URL(baseURL ?? '').origin
      context.on('request', (request: Request) => {
        const { protocol, origin } = new URL(request.url())
        if (jwt.test(request.url()) || [...typed].some((each) => decodeURIComponent(request.url()).includes(each))) bad.push(`a secret in an address: ${request.method()}`)
        if (protocol !== 'blob:' && protocol !== 'data:' && origin !== own) bad.push(`request to another origin: ${request.url()}`)
      })
      context.on('console', (message) => {
        if (message.type() !== 'error') return
        // Chromium reports each answer of 400 or above; the stories look at what the page makes of them.
        if (/Failed to load resource: the server responded with a status of 4\d\d/.test(message.text())) return
        if (watch.expected.some((each) => each.test(message.text()))) return
        bad.push(`console: ${message.text()}`)
      })
      context.on('weberror', (error) => bad.push(`not caught: ${error.error().message}`))
      await use(watch)
      for (const page of context.pages()) {
        if (new URL(page.url()).origin === own) await expectNothingLeft(page, ...typed)
      }
      expect(bad).toEqual([])
    },
    { auto: true },
  ],
})

export interface Account {
  email: string
  password: string
}

export function newAccount(): Account {
  const account = { email: `${randomBytes(6).toString('hex')}@example.org`, password: `a long sentence ${randomBytes(6).toString('hex')}` }
  typed.add(account.password)
  return account
}

/** Registers through the page, and leaves it in the library with its cookie renewed. */
export async function register(page: Page, account = newAccount()): Promise<Account> {
  await page.goto('/register')
  await page.getByLabel('E-mail address').fill(account.email)
  await page.getByLabel('Password', { exact: true }).fill(account.password)
  await page.getByRole('button', { name: 'Create an account' }).click()
  await page.waitForURL(/welcome|library/)
  const renewed = page.waitForResponse('**/v1/auth/refresh')
  await page.goto('/library')
  await renewed
  return account
}

export interface File {
  name: string
  mimeType: string
  buffer: Buffer
}

/** Chooses files through the page's own menu, by content or by path. */
export async function choose(page: Page, ...files: File[] | string[]) {
  await page.getByRole('button', { name: 'Add papers' }).click()
  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('menuitem', { name: 'Choose files' }).click()
  await (await chooser).setFiles(files as string[])
}

/** A paper's row in a list. */
export const row = (page: Page, name: string) => page.getByRole('listitem').filter({ has: page.getByRole('link', { name, exact: true }) })

/** Adds papers, and returns when all of them are in the list. */
export async function add(page: Page, ...files: File[]) {
  await choose(page, ...files)
  for (const { name } of files) await expect(row(page, name)).toBeVisible()
}

export async function signIn(page: Page, account: Account) {
  await page.getByLabel('E-mail address').fill(account.email)
  await page.getByLabel('Password', { exact: true }).fill(account.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/**
 * An access token of a second session on the same device, for what a story does
 * beside the page. Its refresh cookie stays apart: the page may be renewing its
 * own at this moment, and whichever came last would be whose session the page
 * goes on with.
 */
export async function tokenOf(page: Page, account: Account): Promise<string> {
  const device = (await page.context().cookies()).filter((each) => each.name.endsWith('docuvault_device'))
  const beside = await request.newContext({ baseURL: new URL(page.url()).origin, storageState: { cookies: device, origins: [] } })
  const answer = await beside.post('/v1/auth/login', { data: account, headers: { 'Sec-Fetch-Site': 'same-origin' } })
  expect(answer.ok()).toBe(true)
  const { access_token } = (await answer.json()) as { access_token: string }
  await beside.dispose()
  return access_token
}

/** What the API asks of who does something beside the page. */
export async function headersOf(page: Page, account: Account) {
  return { Authorization: `Bearer ${await tokenOf(page, account)}` }
}

/** Waits until so many papers are ready, and returns them with the headers that they are changed with beside the page. */
export async function ready(page: Page, account: Account, papers: number) {
  const headers = await headersOf(page, account)
  let items: { id: string; filename: string; topic?: string }[] = []
  await expect
    .poll(async () => {
      const answer = await page.request.get('/v1/documents?status=ready&limit=100', { headers })
      items = ((await answer.json()) as { items: typeof items }).items
      return items.length
    })
    .toBe(papers)
  return { headers, items }
}

/**
 * Everything that the page left where it could be found: both storages,
 * IndexedDB, caches, cookies that scripts see, the URL, the history's state,
 * and the document as it is.
 */
export async function leftBehind(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const found: unknown[] = [{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, history.state]
    found.push(document.documentElement.outerHTML)
    for (const input of document.querySelectorAll('input, textarea')) {
      if (!(input as HTMLElement).checkVisibility()) found.push((input as HTMLInputElement).value)
    }
    for (const { name } of await indexedDB.databases()) {
      if (!name) continue
      const db = await new Promise<IDBDatabase>((resolve, reject) => {
        const open = indexedDB.open(name)
        open.onsuccess = () => resolve(open.result)
        open.onerror = () => reject(open.error)
      })
      found.push(name, [...db.objectStoreNames])
      for (const store of db.objectStoreNames) {
        found.push(
          await new Promise((resolve) => {
            const all = db.transaction(store).objectStore(store).getAll()
            all.onsuccess = () => resolve(all.result)
          }),
        )
      }
      db.close()
    }
    if ('caches' in window) for (const key of await caches.keys()) found.push(key, (await (await caches.open(key)).keys()).map((r) => r.url))
    return JSON.stringify(found)
  })
}

/** Fails if a secret, or a JWT of any kind, lies around. */
export async function expectNothingLeft(page: Page, ...secrets: string[]) {
  const left = await leftBehind(page)
  for (const secret of secrets) expect(left.includes(secret), 'a password lies around').toBe(false)
  expect(jwt.test(left), 'an access token lies around').toBe(false)
}

/** What the vault's own program says to an operator's command. */
export function operate(...command: string[]): string {
  const { DOCUVAULT_PROGRAM: program = '', DOCUVAULT_DATA: data = '' } = process.env
  return execFileSync(program, [...command, '--data', data], { encoding: 'utf8' })
}
