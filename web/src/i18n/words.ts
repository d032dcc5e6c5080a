import { computed } from 'vue'
import { useI18n } from 'vue-i18n'
import type { Problem } from '@/api/problem'
import en from './en'

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const

/** 1,887,436 as "1.8 MB" in the given language; steps of 1,024. */
export function sizeIn(locale: string, bytes: number): string {
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** step
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: units[step] as string,
    unitDisplay: step === 0 ? 'long' : 'short',
    maximumFractionDigits: value < 10 && step > 0 ? 1 : 0,
  }).format(value)
}

/** The page's language as the browser's region writes it: en may be en-GB. */
function regional(language: string): string {
  return (typeof navigator === 'undefined' ? [] : navigator.languages).find((l) => l.startsWith(language)) ?? language
}

/** Numbers, dates and errors in the page's language. */
export function useWords() {
  const { t, locale: spoken } = useI18n()
  const locale = computed(() => regional(spoken.value))
  const dates = computed(() => new Intl.DateTimeFormat(locale.value, { dateStyle: 'medium' }))
  const times = computed(() => new Intl.DateTimeFormat(locale.value, { dateStyle: 'medium', timeStyle: 'short' }))
  const numbers = computed(() => new Intl.NumberFormat(locale.value))
  const percents = computed(() => new Intl.NumberFormat(locale.value, { style: 'percent' }))
  const size = (bytes: number) => sizeIn(locale.value, bytes)

  /** A day as the API writes it (2024-08-15): no time zone moves it. */
  function day(iso: string) {
    const [year, month, date] = iso.split('-').map(Number)
    return dates.value.format(new Date(year ?? 0, (month ?? 1) - 1, date ?? 1))
  }

  function duration(seconds: number) {
    const unit = seconds < 60 ? 'second' : seconds < 3600 ? 'minute' : 'hour'
    const value = seconds < 60 ? Math.max(1, Math.round(seconds)) : Math.round(seconds / (unit === 'minute' ? 60 : 3600))
    return new Intl.NumberFormat(locale.value, { style: 'unit', unit, unitDisplay: 'long' }).format(value)
  }

  /** What happened and what to do, in words. */
  function explain(problem: Problem): string {
    if (problem.code === 'validation_failed' && problem.message) return problem.message
    if (!(problem.code in en.errors)) return problem.message || t('errors.internal')
    return t(`errors.${problem.code}`, {
      requested: size(problem.number('requested_bytes')),
      free: size(Math.max(0, problem.number('limit_bytes') - problem.number('used_bytes') - problem.number('reserved_bytes'))),
      limit: size(problem.number('limit_bytes')),
      seconds: duration(problem.number('retry_after')),
      name: problem.text('filename'),
    })
  }

  return {
    t,
    locale,
    size,
    day,
    duration,
    explain,
    date: (iso: string) => dates.value.format(new Date(iso)),
    time: (iso: string) => times.value.format(new Date(iso)),
    number: (n: number) => numbers.value.format(n),
    percent: (share: number) => percents.value.format(share),
  }
}
