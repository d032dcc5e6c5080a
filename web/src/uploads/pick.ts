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

/** What was found in a drop, and how much of it the system did not let be read. */
export interface Found {
  files: Picked[]
  unreadable: number
}

async function walk(entry: FileSystemEntry, path: string): Promise<Found> {
  const found: Found = { files: [], unreadable: 0 }
  try {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
      found.files.push({ file, path })
      return found
    }
    const within = path ? `${path}/${entry.name}` : entry.name
    const reader = (entry as FileSystemDirectoryEntry).createReader()
    for (;;) {
      // It gives a hundred at a time, and nothing at the end.
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
      if (some.length === 0) return found
      // All of them at once, each in its place.
      for (const { files, unreadable } of await Promise.all(some.map((child) => walk(child, within)))) {
        for (const one of files) found.files.push(one)
        found.unreadable += unreadable
      }
    }
  } catch {
    // The rest of the drop goes in all the same.
    found.unreadable++
    return found
  }
}

/** The files of a drop or a paste, folders with all that is in them. */
export async function picked(data: DataTransfer): Promise<Found> {
  const entries = Array.from(data.items, (item) => (item.kind === 'file' ? item.webkitGetAsEntry() : null))
  const files = Array.from(data.files)
  if (entries.every((e) => e === null)) return { files: files.map((file) => ({ file, path: '' })), unreadable: 0 }
  const all: Found = { files: [], unreadable: 0 }
  for (const entry of entries) {
    if (!entry) continue
    const { files: some, unreadable } = await walk(entry, '')
    for (const one of some) all.files.push(one)
    all.unreadable += unreadable
  }
  return all
}
