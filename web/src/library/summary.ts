import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { api, ok } from '@/api/client'
import type { components } from '@/api/schema'
import { coalesced } from '@/composables/coalesce'
import { usePapers } from './papers'

type Summary = components['schemas']['VaultSummary']

/** A topic or a tag, and how many papers have it. */
export interface Label {
  id: string
  name: string
  documents: number
  /** As #rrggbb; empty for none. */
  colour: string
}

const none: Summary = { documents: 0, bytes: 0, statuses: {}, folders: [], unfiled: 0, topics: [], no_topic: 0, tags: [], years: [] }

/** What there is most of comes first. */
function counted(names: readonly { id: string; name: string; colour?: string }[], counts: Summary['topics']): Label[] {
  const of = new Map(counts.map((c) => [c.id, c.documents]))
  return names
    .map(({ id, name, colour }) => ({ id, name, colour: colour ?? '', documents: of.get(id) ?? 0 }))
    .sort((a, b) => b.documents - a.documents || a.name.localeCompare(b.name))
}

/** Old names with the new ones, undefined where there is none any more. */
function renamed(before: readonly { id: string; name: string }[], now: readonly { id: string; name: string }[]) {
  const names = new Map(now.map((each) => [each.id, each.name]))
  return new Map(before.flatMap(({ id, name }) => (names.get(id) === name ? [] : [[name, names.get(id)] as const])))
}

/** How many papers there are of what, and the user's own topics and tags: of all papers, not of those that a list has read. */
export const useSummary = defineStore('summary', () => {
  const counts = shallowRef<Summary>(none)
  const topicList = shallowRef<components['schemas']['TopicTopic'][]>([])
  const tagList = shallowRef<components['schemas']['TagTag'][]>([])
  /** Whether topics and tags were read. */
  const named = shallowRef(false)

  /** Whether papers were counted. */
  const known = computed(() => counts.value !== none)
  const topics = computed(() => counted(topicList.value, counts.value.topics))
  const tags = computed(() => counted(tagList.value, counts.value.tags))
  const years = computed(() => counts.value.years)
  const folders = computed(() => new Map(counts.value.folders.map((c) => [c.id, c.documents])))
  const colours = computed(() => new Map(topicList.value.map((topic) => [topic.name, topic.colour ?? ''])))

  const loadNames = coalesced(async () => {
    const [all, marks] = await Promise.all([ok(api.GET('/v1/topics')), ok(api.GET('/v1/tags'))])
    usePapers().relabel(renamed(topicList.value, all.items), renamed(tagList.value, marks.items))
    topicList.value = all.items
    tagList.value = marks.items
    named.value = true
  }, 1000)

  /** Counts anew, and reads the names where one is new. */
  const load = coalesced(async () => {
    counts.value = await ok(api.GET('/v1/documents/summary'))
    const names = new Set([...topicList.value, ...tagList.value].map((each) => each.id))
    if (!named.value || [...counts.value.topics, ...counts.value.tags].some((c) => !names.has(c.id))) await loadNames()
  }, 1000)

  const status = (name: string) => counts.value.statuses[name] ?? 0

  return { counts, known, named, topicList, tagList, topics, tags, years, folders, colours, status, load, loadNames }
})
