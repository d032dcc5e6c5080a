import { createI18n } from 'vue-i18n'
import { watch } from 'vue'
import { language } from '@/composables/preferences'
import en from './en'

/** Every language has exactly these words. */
export type Words = { [Area in keyof typeof en]: { [Key in keyof (typeof en)[Area]]: string } }

export const i18n = createI18n({
  legacy: false,
  locale: 'en',
  fallbackLocale: 'en',
  messages: { en } as { en: Words; de?: Words },
})

/** Switches the page to a language, fetching its words first. */
export async function speak(to: 'en' | 'de') {
  if (to === 'de' && !i18n.global.availableLocales.includes('de')) {
    i18n.global.setLocaleMessage('de', (await import('./de')).default)
  }
  i18n.global.locale.value = to
  document.documentElement.lang = to
}

watch(language, (to) => void speak(to))
