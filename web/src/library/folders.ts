import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { api, ok } from '@/api/client'
import type { components } from '@/api/schema'

export type Folder = components['schemas']['FolderFolder']

/** A folder where it stands in the tree: 0 is the top. */
export interface Branch extends Folder {
  depth: number
}

/** Folders as a tree read from top to bottom, by name within each. */
export function treeOf(folders: readonly Folder[]): Branch[] {
  const under = new Map<string, Folder[]>()
  for (const folder of folders) {
    const at = folder.parent_id ?? ''
    under.set(at, [...(under.get(at) ?? []), folder])
  }
  const tree: Branch[] = []
  const walk = (parent: string, depth: number) => {
    const here = (under.get(parent) ?? []).sort((a, b) => a.name.localeCompare(b.name))
    for (const folder of here) {
      tree.push({ ...folder, depth })
      walk(folder.id, depth + 1)
    }
  }
  walk('', 0)
  return tree
}

export const useFolders = defineStore('folders', () => {
  const list = shallowRef<Folder[]>([])
  const tree = computed(() => treeOf(list.value))
  const get = (id: string) => list.value.find((f) => f.id === id)

  async function load() {
    list.value = (await ok(api.GET('/v1/folders'))).items
  }

  async function create(name: string, parent?: string): Promise<Folder> {
    const made = await ok(api.POST('/v1/folders', { body: parent ? { name, parent_id: parent } : { name } }))
    await load()
    return made
  }

  async function rename(id: string, name: string) {
    await ok(api.PATCH('/v1/folders/{id}', { params: { path: { id } }, body: { name } }))
    await load()
  }

  /** Into the trash with all that is in it. */
  async function remove(id: string) {
    await ok(api.DELETE('/v1/folders/{id}', { params: { path: { id } } }))
    await load()
  }

  return { list, tree, get, load, create, rename, remove }
})

/** How papers that are dragged are called, so that nothing else is taken for them. */
export const dragged = 'application/x-docuvault-papers'
