import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from '@playwright/test'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Result {
  id: string
  nodes: { html: string; failureSummary?: string }[]
}

/** What axe finds on the page as it is, in one line each. */
export default {
  async violations(page: Page): Promise<string[]> {
    // By the debugger, not by a script element: the page's policy forbids those.
    await page.evaluate(source)
    const results = (await page.evaluate(() =>
      (window as unknown as { axe: { run: (options: unknown) => Promise<{ violations: Result[] }> } }).axe.run({
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      }),
    )) as { violations: Result[] }
    return results.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html.slice(0, 200)}: ${n.failureSummary?.slice(0, 300)}`))
  },

  /** The same in light and in dark; nothing may be on its way from one to the other. */
  async inBoth(page: Page): Promise<string[]> {
    const found: string[] = []
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      for (const each of await this.violations(page)) found.push(`${colorScheme}: ${each}`)
    }
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
    return found
  },
}
