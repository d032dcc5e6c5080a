/** A page's text in the pieces that its PDF draws: a line, a word, sometimes a letter. */
export interface PageText {
  /** Folded, one piece after another. */
  text: string
  /** Where in it each piece begins. */
  starts: number[]
}

/** The pieces from one to another, both included, that hold what was looked for. */
export interface Hit {
  from: number
  to: number
}

/**
 * Text as it is compared: upper and lower case are one, and neither white space
 * nor hyphens count, since a PDF breaks lines and words where it likes.
 */
export const folded = (text: string) => text.normalize('NFKC').toLowerCase().replace(/[\s\u00ad\u2010-]/gu, '')

export function pageText(pieces: readonly string[]): PageText {
  const starts: number[] = []
  let text = ''
  for (const piece of pieces) {
    starts.push(text.length)
    text += folded(piece)
  }
  return { text, starts }
}

/** Where a page has what was looked for, from its beginning to its end. */
export function find({ text, starts }: PageText, words: string): Hit[] {
  const want = folded(words)
  if (want === '') return []
  const hits: Hit[] = []
  let piece = 0
  /** The last piece that begins at or before a place, and is not empty. */
  const pieceAt = (place: number, from: number) => {
    let at = from
    while (at + 1 < starts.length && (starts[at + 1] ?? 0) <= place) at++
    return at
  }
  for (let place = text.indexOf(want); place >= 0; place = text.indexOf(want, place + want.length)) {
    piece = pieceAt(place, piece)
    hits.push({ from: piece, to: pieceAt(place + want.length - 1, piece) })
  }
  return hits
}
