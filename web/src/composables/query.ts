// The language of searches as far as the page has to know it: what is a filter,
// where it stands, and how it goes on. What a query means, the API says.

/** A piece of a query between white space; quotation marks hold one together. */
export interface Piece {
  text: string
  start: number
  end: number
  /** The filter's name, in lower case; empty for other words. */
  filter: string
  /** What stands behind the colon, without quotation marks. */
  value: string
  /** Whether a quotation mark in it has no other one. */
  open: boolean
}

export const filterNames = ['topic', 'tag', 'folder', 'from', 'name', 'type', 'lang', 'is', 'in', 'date', 'year', 'before', 'after', 'added', 'size'] as const

/** The values of filters that have a few of their own. */
export const filterValues: Readonly<Record<string, readonly string[]>> = {
  type: ['pdf', 'image', 'text', 'mail', 'word', 'sheet', 'slides', 'csv', 'html', 'audio', 'video', 'archive'],
  lang: ['de', 'en'],
  is: ['ready', 'processing', 'failed', 'trashed'],
  in: ['trash', 'all'],
}

const quotes = '"„“”«»'

export function pieces(q: string): Piece[] {
  const all: Piece[] = []
  for (let at = 0; at < q.length; ) {
    if (/\s/.test(q.charAt(at))) {
      at++
      continue
    }
    const start = at
    let open = false
    for (; at < q.length && (open || !/\s/.test(q.charAt(at))); at++) {
      if (quotes.includes(q.charAt(at))) open = !open
    }
    const text = q.slice(start, at)
    const [, name = '', value = ''] = /^-?([a-z]+):(.*)$/is.exec(text) ?? []
    const filter = (filterNames as readonly string[]).includes(name.toLowerCase()) && !value.startsWith('//') ? name.toLowerCase() : ''
    all.push({ text, start, end: at, filter, value: filter ? value.replace(/["„“”«»]/g, '') : '', open })
  }
  return all
}

/**
 * Takes filters that are complete out of what is typed: those with white space
 * behind them. With parentheses or operators the place of a filter matters, and
 * all stays where it is.
 */
export function settle(typed: string): { filters: string[]; rest: string } {
  const all = pieces(typed)
  if (all.some((p) => !p.open && !p.filter && (/[()|]/.test(p.text) || /^(AND|OR|NOT)$/.test(p.text)))) return { filters: [], rest: typed }
  const done = all.filter((p) => p.filter && p.value.trim() && !p.open && p.end < typed.length)
  let rest = typed
  for (const p of done.toReversed()) rest = rest.slice(0, p.start) + rest.slice(p.end).replace(/^\s+/, '')
  return { filters: done.map((p) => p.text), rest }
}

/** A value as it is written behind a colon. */
export function written(value: string): string {
  return /[\s,()|*]/.test(value) ? `"${value}"` : value
}

/** What a piece that is being typed may become: the whole piece, and what people see. */
export interface Completion {
  text: string
  label: string
  /** Whether it is a filter with its value. */
  complete: boolean
}

const most = 8

/** What the piece in front of the caret may become. */
export function completions(typed: string, caret: number, names: Readonly<Record<string, readonly string[]>>): Completion[] {
  const piece = pieces(typed.slice(0, caret)).at(-1)
  if (!piece || piece.end < caret) return []
  const sign = piece.text.startsWith('-') ? '-' : ''
  if (!piece.filter) {
    const begun = piece.text.slice(sign.length).toLowerCase()
    if (begun.length < 2 || piece.open) return []
    return filterNames.filter((name) => name.startsWith(begun)).map((name) => ({ text: `${sign}${name}:`, label: `${name}:`, complete: false }))
  }
  const known = names[piece.filter] ?? filterValues[piece.filter] ?? []
  const wanted = piece.value.toLocaleLowerCase()
  const begins = (name: string) => name.toLocaleLowerCase().startsWith(wanted)
  return known
    .filter((name) => name.toLocaleLowerCase().includes(wanted) && !/["„“”«»]/.test(name))
    .toSorted((a, b) => Number(begins(b)) - Number(begins(a)))
    .slice(0, most)
    .map((name) => ({ text: `${sign}${piece.filter}:${written(name)}`, label: name, complete: true }))
}

/** The piece in front of the caret, as another one. */
export function completed(typed: string, caret: number, completion: Completion): { text: string; caret: number } {
  const piece = pieces(typed.slice(0, caret)).at(-1)
  if (!piece) return { text: typed, caret }
  const behind = typed.slice(caret).replace(/^\S*/, '')
  const text = typed.slice(0, piece.start) + completion.text + (completion.complete ? ' ' : '')
  return { text: text + behind.trimStart(), caret: text.length }
}

/** A query in three parts, by what the API says is wrong in it, in Unicode characters. */
export function markedAt(q: string, position: number, length: number): [string, string, string] {
  const all = [...q]
  return [all.slice(0, position).join(''), all.slice(position, position + length).join(''), all.slice(position + length).join('')]
}
