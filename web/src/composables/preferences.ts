import { ref, watch } from 'vue'

/**
 * What a browser keeps of its user's taste: nothing secret, and the only things
 * that this page stores. Where storage is forbidden they last as long as the
 * page does.
 */
export type Theme = 'system' | 'light' | 'dark'

function kept<T extends string>(name: string, allowed: readonly T[], otherwise: T) {
  let value = otherwise
  try {
    const found = localStorage.getItem(`docuvault.${name}`) as T | null
    if (found !== null && allowed.includes(found)) value = found
  } catch {
    // storage is forbidden
  }
  const setting = ref<T>(value)
  watch(setting, (next) => {
    try {
      localStorage.setItem(`docuvault.${name}`, next)
    } catch {
      // storage is forbidden
    }
  })
  return setting
}

const browser = typeof navigator !== 'undefined' && navigator.language.startsWith('de') ? 'de' : 'en'

export const theme = kept<Theme>('theme', ['system', 'light', 'dark'], 'system')
export const language = kept<'en' | 'de'>('language', ['en', 'de'], browser)
export const view = kept<'list' | 'grid'>('view', ['list', 'grid'], 'list')
export const welcomed = kept<'no' | 'yes'>('welcomed', ['no', 'yes'], 'no')

watch(theme, (next) => (document.documentElement.dataset['theme'] = next), { immediate: true })
