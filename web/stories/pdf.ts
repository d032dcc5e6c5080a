/** A small PDF of the given pages, each of lines, and further objects: numbers from `first` on are free for them. */
export function pdf(pages: string[][], more: { catalog?: string; page?: string; objects?: string[] } = {}): Buffer {
  const kids = pages.map((_, i) => `${4 + 2 * i} 0 R`)
  const objects = [
    `<</Type/Catalog/Pages 2 0 R${more.catalog ?? ''}>>`,
    `<</Type/Pages/Kids[${kids.join(' ')}]/Count ${pages.length}>>`,
    '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>',
    ...pages.flatMap((lines, i) => {
      const stream = `BT /F1 14 Tf 20 360 Td 20 TL ${lines.map((line) => `(${line}) Tj T*`).join(' ')} ET`
      return [
        `<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 400]/Resources<</Font<</F1 3 0 R>>>>/Contents ${5 + 2 * i} 0 R${more.page ?? ''}>>`,
        `<</Length ${stream.length}>>stream\n${stream}\nendstream`,
      ]
    }),
    ...(more.objects ?? []),
  ]
  let out = '%PDF-1.7\n'
  const at = objects.map((object, i) => {
    const offset = out.length
    out += `${i + 1} 0 obj${object}endobj\n`
    return offset
  })
  const table = out.length
  out += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${at.map((n) => `${String(n).padStart(10, '0')} 00000 n \n`).join('')}`
  return Buffer.from(`${out}trailer<</Root 1 0 R/Size ${objects.length + 1}>>\nstartxref\n${table}\n%%EOF\n`)
}
