import { ref, watch, type Ref } from 'vue'

/**
 * What a browser keeps of its user's taste: nothing secret, and the only things
 * that this page stores. Where storage is forbidden they last as long as the
 * page does.
 */
export type Theme = 'system' | 'light' | 'dark'

/** Settings that somebody chose. */
const touched = new Set<() => void>()

/** A setting that is kept as text; what does not read as one counts as nothing kept. */
function keptAs<T>(name: string, otherwise: T, read: (text: string) => T | undefined, write: (value: T) => string) {
  let value = otherwise
  try {
    const found = localStorage.getItem(`docuvault.${name}`)
    if (found !== null) value = read(found) ?? otherwise
  } catch {
    // storage is forbidden
  }
  const setting = ref(value) as Ref<T>
  const keep = () => {
    try {
      localStorage.setItem(`docuvault.${name}`, write(setting.value))
    } catch {
      // storage is forbidden
    }
  }
  watch(setting, () => {
    touched.add(keep)
    keep()
  })
  if (value !== otherwise) touched.add(keep)
  return setting
}

function kept<T extends string>(name: string, allowed: readonly T[], otherwise: T) {
  return keptAs<T>(name, otherwise, (text) => allowed.find((each) => each === text), (value) => value)
}

const browser = typeof navigator !== 'undefined' && navigator.language.startsWith('de') ? 'de' : 'en'

export const theme = kept<Theme>('theme', ['system', 'light', 'dark'], 'system')
export const language = kept<'en' | 'de'>('language', ['en', 'de'], browser)
export const view = kept<'list' | 'grid'>('view', ['list', 'grid'], 'list')
export const welcomed = kept<'no' | 'yes'>('welcomed', ['no', 'yes'], 'no')

/** What a list shows of a paper beside its name, where there is room. */
export const allColumns = ['topic', 'tags', 'correspondent', 'date', 'added', 'size', 'status'] as const
export type Column = (typeof allColumns)[number]
export const columns = keptAs<Column[]>(
  'columns',
  ['topic', 'date', 'size', 'status'],
  (text) => allColumns.filter((column) => text.split(' ').includes(column)),
  (chosen) => chosen.join(' '),
)

/** Writes what was chosen once more: signing out clears the browser's storage, and this is taste, nothing of an account. */
export function keepTaste() {
  for (const keep of touched) keep()
}

watch(theme, (next) => (document.documentElement.dataset['theme'] = next), { immediate: true })
