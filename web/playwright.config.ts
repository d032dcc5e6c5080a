import { existsSync } from 'node:fs'
import { defineConfig } from '@playwright/test'

// The vault that is looked at: test/page starts one and names it here.
const baseURL = process.env.DOCUVAULT_URL ?? 'http://localhost:8080'
const chromium =
  process.env.CHROMIUM ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'].find(existsSync)

export default defineConfig({
  testDir: 'stories',
  outputDir: 'test-results',
  fullyParallel: true,
  workers: 2,
  // For a busy machine: what a story waits for comes at once on a quiet one.
  timeout: 300_000,
  expect: { timeout: 60_000 },
  forbidOnly: !!process.env.CI,
  reporter: process.env.DOCUVAULT_REPORT ? [['json', { outputFile: process.env.DOCUVAULT_REPORT }]] : 'list',
  use: {
    baseURL,
    browserName: 'chromium',
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    viewport: { width: 1200, height: 800 },
    serviceWorkers: 'block',
    trace: 'off',
    launchOptions: {
      ...(chromium && { executablePath: chromium }),
      args: [
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        // A name for this machine that is not its own.
        '--host-resolver-rules=MAP vault.test 127.0.0.1',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        '--disable-gpu',
        '--disable-quic',
      ],
    },
  },
})
