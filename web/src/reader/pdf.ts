import { GlobalWorkerOptions, getDocument, TextLayer, type PDFDocumentProxy, type PDFPageProxy } from 'pdfjs-dist'
import './reader.css'
import workerUrl from 'pdfjs-dist/build/pdf.worker.min.mjs?url'

GlobalWorkerOptions.workerSrc = workerUrl

/**
 * Opens a PDF that was fetched. Nothing in it runs: no scripts, no forms, no
 * links, no WebAssembly, no generated code; pages become pixels and text.
 */
export function openPdf(data: ArrayBuffer): Promise<PDFDocumentProxy> {
  return getDocument({
    // A copy: the worker takes it away, and who looks at the text and back needs it again.
    data: data.slice(0),
    cMapUrl: `${__PDFJS_FILES__}cmaps/`,
    cMapPacked: true,
    standardFontDataUrl: `${__PDFJS_FILES__}standard_fonts/`,
    isEvalSupported: false,
    enableXfa: false,
    useWasm: false,
    useSystemFonts: false,
    useWorkerFetch: false,
    stopAtErrors: false,
    maxImageSize: 64 * 1024 * 1024,
    verbosity: 0,
  }).promise
}

/** The pieces of text that a page draws. */
export async function piecesOf(page: PDFPageProxy): Promise<string[]> {
  const { items } = await page.getTextContent()
  return items.flatMap((item) => ('str' in item ? [item.str] : []))
}

/**
 * Draws a page at a width in CSS pixels, with its text over it to search and
 * copy. The answer has an element for each piece of piecesOf.
 */
export async function drawPage(page: PDFPageProxy, canvas: HTMLCanvasElement, layer: HTMLElement, width: number): Promise<HTMLElement[]> {
  const natural = page.getViewport({ scale: 1 })
  const scale = width / natural.width
  const sharp = Math.min(window.devicePixelRatio || 1, 2)
  const viewport = page.getViewport({ scale: scale * sharp })
  canvas.width = Math.floor(viewport.width)
  canvas.height = Math.floor(viewport.height)
  await page.render({ canvas, viewport, annotationMode: 0 }).promise
  layer.replaceChildren()
  layer.style.setProperty('--total-scale-factor', String(scale))
  layer.style.setProperty('--scale-factor', String(scale))
  const text = new TextLayer({ textContentSource: page.streamTextContent(), container: layer, viewport: page.getViewport({ scale }) })
  await text.render()
  return text.textDivs
}
