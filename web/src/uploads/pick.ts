/** A file, and the folders that it was in, with slashes; empty for none. */
export interface Picked {
  file: File
  path: string
}

const folderOf = (relative: string) => relative.split('/').slice(0, -1).join('/')

/** Lets people choose files, a folder, or take a picture. Resolves to nothing when they do not. */
export function pick(what: 'files' | 'folder' | 'camera', multiple = true): Promise<Picked[]> {
  const input = document.createElement('input')
  input.type = 'file'
  input.multiple = multiple
  if (what === 'folder') input.webkitdirectory = true
  if (what === 'camera') {
    input.accept = 'image/*'
    input.setAttribute('capture', 'environment')
  }
  return new Promise((resolve) => {
    input.addEventListener('change', () => {
      resolve(Array.from(input.files ?? [], (file) => ({ file, path: folderOf(file.webkitRelativePath) })))
      input.remove()
    })
    input.addEventListener('cancel', () => {
      resolve([])
      input.remove()
    })
    // In the document, for browsers that collect what is not.
    input.hidden = true
    document.body.append(input)
    input.click()
  })
}

async function walk(entry: FileSystemEntry, path: string, into: Picked[]) {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
    into.push({ file, path })
    return
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  for (;;) {
    // It gives a hundred at a time, and nothing at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return
    const within = path ? `${path}/${entry.name}` : entry.name
    // All of them at once, each in its place.
    const found = await Promise.all(
      some.map(async (child) => {
        const under: Picked[] = []
        await walk(child, within, under)
        return under
      }),
    )
    for (const each of found) for (const one of each) into.push(one)
  }
}

/** The files of a drop or a paste, folders with all that is in them. */
export async function picked(data: DataTransfer): Promise<Picked[]> {
  const into: Picked[] = []
  const entries = Array.from(data.items, (item) => (item.kind === 'file' ? item.webkitGetAsEntry() : null))
  const files = Array.from(data.files)
  if (entries.every((e) => e === null)) return files.map((file) => ({ file, path: '' }))
  for (const entry of entries) if (entry) await walk(entry, '', into)
  return into
}
