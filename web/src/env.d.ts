/// <reference types="vite/client" />

/** Where the build put the character maps and fonts of pdf.js. */
declare const __PDFJS_FILES__: string
