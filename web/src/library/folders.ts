import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { api, ok } from '@/api/client'
import type { components } from '@/api/schema'
import { coalesced } from '@/composables/coalesce'

export type Folder = components['schemas']['FolderFolder']

/** A folder where it stands in the tree: 0 is the top. */
export interface Branch extends Folder {
  depth: number
  /** Whether there are folders in it. */
  children: boolean
  /** The names from the top to it, with slashes. */
  path: string
}

/** Folders as a tree read from top to bottom, by name within each. */
export function treeOf(folders: readonly Folder[]): Branch[] {
  const under = new Map<string, Folder[]>()
  for (const folder of folders) {
    const at = folder.parent_id ?? ''
    const there = under.get(at)
    if (there) there.push(folder)
    else under.set(at, [folder])
  }
  const tree: Branch[] = []
  const names = new Intl.Collator(undefined, { numeric: true })
  const walk = (parent: string, depth: number, path: string) => {
    const here = (under.get(parent) ?? []).sort((a, b) => names.compare(a.name, b.name))
    for (const folder of here) {
      const own = path ? `${path} / ${folder.name}` : folder.name
      tree.push({ ...folder, depth, children: under.has(folder.id), path: own })
      walk(folder.id, depth + 1, own)
    }
  }
  walk('', 0, '')
  return tree
}

/** The folders of a tree that are not in one that is closed. */
export function unfolded(tree: readonly Branch[], open: ReadonlySet<string>): Branch[] {
  let closed = Infinity
  return tree.filter((branch) => {
    if (branch.depth > closed) return false
    closed = branch.children && !open.has(branch.id) ? branch.depth : Infinity
    return true
  })
}

/** A folder and all that are in it. */
export function withinOf(tree: readonly Branch[], id: string): Set<string> {
  const at = tree.findIndex((branch) => branch.id === id)
  const within = new Set<string>()
  for (let i = at; i >= 0 && i < tree.length; i++) {
    const branch = tree[i] as Branch
    if (i > at && branch.depth <= (tree[at] as Branch).depth) break
    within.add(branch.id)
  }
  return within
}

export const useFolders = defineStore('folders', () => {
  const list = shallowRef<Folder[]>([])
  const loaded = ref(false)
  const tree = computed(() => treeOf(list.value))
  const byID = computed(() => new Map(list.value.map((f) => [f.id, f])))
  const get = (id: string) => byID.value.get(id)

  const load = coalesced(async () => {
    list.value = (await ok(api.GET('/v1/folders'))).items
    loaded.value = true
  }, 500)

  async function create(name: string, parent?: string): Promise<Folder> {
    const made = await ok(api.POST('/v1/folders', { body: parent ? { name, parent_id: parent } : { name } }))
    list.value = [...list.value.filter((f) => f.id !== made.id), made]
    load().catch(() => undefined)
    return made
  }

  async function rename(id: string, name: string) {
    take(await ok(api.PATCH('/v1/folders/{id}', { params: { path: { id } }, body: { name } })))
  }

  /** Puts a folder with all that is in it into another one, or with null to the top; into itself is a folder_cycle. */
  async function move(id: string, parent: string | null) {
    take(await ok(api.PATCH('/v1/folders/{id}', { params: { path: { id } }, body: { parent_id: parent } })))
  }

  function take(folder: Folder) {
    list.value = list.value.map((f) => (f.id === folder.id ? folder : f))
    load().catch(() => undefined)
  }

  /** Into the trash with all that is in it. */
  async function remove(id: string) {
    const { documents } = await ok(api.DELETE('/v1/folders/{id}', { params: { path: { id } } }))
    const gone = withinOf(tree.value, id)
    list.value = list.value.filter((f) => !gone.has(f.id))
    load().catch(() => undefined)
    return documents
  }

  return { list, loaded, tree, get, load, create, rename, move, remove }
})

/** How papers and folders that are dragged are called, so that nothing else is taken for them. */
export const dragged = 'application/x-docuvault-papers'
export const draggedFolder = 'application/x-docuvault-folder'
