import { api, ok } from '@/api/client'
import type { components } from '@/api/schema'
import { usePapers } from './papers'
import { useSummary } from './summary'
import { untilDone } from './topics'

export type Tag = components['schemas']['TagTag']

/** Renames a tag as it was seen; another change in between is a precondition_failed, and read by then. */
export async function renameTag(tag: Tag, name: string) {
  const params = { path: { id: tag.id }, header: { 'If-Match': `"${tag.version}"` } }
  await ok(api.PATCH('/v1/tags/{id}', { params, body: { name } })).finally(useSummary().loadNames)
}

/** Gives a tag's papers another one instead. */
export async function mergeTag(tag: Tag, into: Tag) {
  await untilDone(() => ok(api.POST('/v1/tags/{id}/merge', { params: { path: { id: tag.id } }, body: { into: into.id } })))
  usePapers().relabel(new Map(), new Map([[tag.name, into.name]]))
  await useSummary().loadNames()
}

/** Takes it from all its papers. */
export async function deleteTag(tag: Tag) {
  await untilDone(() => ok(api.DELETE('/v1/tags/{id}', { params: { path: { id: tag.id } } })))
  await useSummary().loadNames()
}
