import { fileURLToPath, URL } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { compressed, packages, pdfFiles } from './build/plugins.ts'

// The page comes from the vault's own origin. `npm run dev` is for work on the
// page alone: it passes all that is not the page on to a vault that runs.
const vault = process.env.DOCUVAULT_URL ?? 'http://localhost:8080'

const made = packages()

export default defineConfig({
  plugins: [vue(), tailwindcss(), pdfFiles(), compressed(), made.page()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_PROD_DEVTOOLS__: false,
    __VUE_I18N_LEGACY_API__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
    __INTLIFY_DROP_MESSAGE_COMPILER__: false,
  },
  worker: { format: 'es', plugins: () => [made.worker()] },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // the page's policy allows no data: URLs
    modulePreload: { polyfill: false },
    manifest: true,
    chunkSizeWarningLimit: 1500, // pdf.js; stories/weight.spec.ts measures what matters
  },
  server: { proxy: { '^/(v1|docuvault|docuvault-derived|openapi.yaml|healthz|readyz)(/|$)': { target: vault, changeOrigin: false } } },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts'], restoreMocks: true },
})
