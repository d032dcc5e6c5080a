import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick, ref, type Ref } from 'vue'
import { compare, fits, usePaperList, type Filter, type Sort } from './list'
import { usePapers, type Paper } from './papers'

const all: Filter = { status: [], topic: '', tag: '', folder: '', year: 0, sort: '-created_at' }

function paper(id: string, more: Partial<Paper> = {}): Paper {
  return {
    id,
    filename: `${id}.pdf`,
    title: '',
    size: 1,
    content_type: 'application/pdf',
    sha256: '',
    status: 'ready',
    suggestions: [],
    tags: [],
    created_at: `2025-01-01T00:00:0${id}Z`,
    updated_at: '2025-01-01T00:00:00Z',
    version: 1,
    ...more,
  }
}

const pages = vi.hoisted(() => ({ asked: [] as Record<string, unknown>[], next: [] as { items: unknown[]; next_cursor?: string }[] }))
vi.mock('@/api/client', () => ({
  api: {
    GET: (_: string, { params }: { params: { query: Record<string, unknown> } }) => {
      pages.asked.push(params.query)
      return Promise.resolve(pages.next.shift() ?? { items: [] })
    },
  },
  ok: (call: Promise<unknown>) => call,
  isCode: () => false,
}))

async function listed(filter: Filter | undefined | Ref<Filter | undefined>) {
  const list = effectScope().run(() => usePaperList(filter)) as ReturnType<typeof usePaperList>
  await settle()
  return list
}
const settle = async () => {
  for (let i = 0; i < 10; i++) await nextTick()
}

beforeEach(() => {
  setActivePinia(createPinia())
  pages.asked.length = 0
  pages.next.length = 0
})

describe('what a list has', () => {
  it('is what its filter says, by the date on the paper or else of its upload', () => {
    const one = paper('1', { tags: ['tax'], topic: 'invoice', folder_id: 'f', document_date: '2024-12-31' })
    for (const [change, want] of [
      [{}, true],
      [{ tag: 'tax', topic: 'invoice', folder: 'f', year: 2024 }, true],
      [{ tag: 'other' }, false],
      [{ topic: 'other' }, false],
      [{ folder: 'g' }, false],
      [{ year: 2025 }, false],
      [{ status: ['trashed'] }, false],
    ] as [Partial<Filter>, boolean][]) {
      expect(fits({ ...all, ...change }, one), JSON.stringify(change)).toBe(want)
    }
    expect(fits({ ...all, year: 2025 }, paper('2'))).toBe(true)
    expect(fits(all, paper('3', { status: 'trashed' }))).toBe(false)
    expect(fits(all, paper('4', { status: 'pending' }))).toBe(false)
  })

  it('is in the order of the API: what has no date is oldest, equal ones by id, names by their numbers', () => {
    const sorted = (sort: Sort, ...papers: Paper[]) => papers.sort((a, b) => compare(sort, a, b)).map((p) => p.id)
    const papers = [paper('1', { size: 5, document_date: '2024-01-02' }), paper('2', { size: 5 }), paper('3', { size: 9, document_date: '2023-05-05' })]
    expect(sorted('size', ...papers)).toEqual(['1', '2', '3'])
    expect(sorted('-size', ...papers)).toEqual(['3', '2', '1'])
    expect(sorted('-created_at', ...papers)).toEqual(['3', '2', '1'])
    expect(sorted('document_date', ...papers)).toEqual(['2', '3', '1'])
    expect(sorted('name', paper('1', { title: 'b 10' }), paper('2', { title: 'B 9' }), paper('3', { filename: 'a' }))).toEqual(['3', '2', '1'])
  })
})

describe('a list', () => {
  it('takes in what comes, where it belongs, and lets go of what does not belong any more', async () => {
    pages.next.push({ items: [paper('8'), paper('5'), paper('2')] })
    const list = await listed(all)
    const papers = usePapers()
    papers.put(paper('6'))
    papers.put(paper('9'))
    papers.put(paper('1'))
    papers.put(paper('5', { version: 2, status: 'trashed' }))
    papers.forget('8')
    await settle()
    expect(list.ids.value).toEqual(['9', '6', '2', '1'])
    papers.put(paper('5', { version: 3 }))
    await settle()
    expect(list.ids.value).toEqual(['9', '6', '5', '2', '1'])
  })

  it('leaves what is after all that was read to its page, and has nothing twice', async () => {
    pages.next.push({ items: [paper('8'), paper('5')], next_cursor: 'c' }, { items: [paper('5'), paper('3')] })
    const list = await listed(all)
    usePapers().put(paper('3'))
    await settle()
    expect(list.ids.value).toEqual(['8', '5'])
    await list.more()
    expect(list.ids.value).toEqual(['8', '5', '3'])
    expect(list.ended.value).toBe(true)
    expect(pages.asked.map((query) => [query['limit'], query['cursor']])).toEqual([
      [60, undefined],
      [200, 'c'],
    ])
  })

  it('waits for a filter, and begins anew with another one', async () => {
    const filter = ref<Filter | undefined>()
    const list = await listed(filter)
    expect(pages.asked.length).toBe(0)
    pages.next.push({ items: [paper('1', { topic: 'tax' })] }, { items: [paper('2', { tags: ['x'] })] })
    filter.value = { ...all, topic: 'tax' }
    await settle()
    expect(list.ids.value).toEqual(['1'])
    filter.value = { ...all, tag: 'x', year: 2025 }
    await settle()
    expect(list.ids.value).toEqual(['2'])
    expect(pages.asked.at(-1)).toMatchObject({ tag: 'x', year: 2025 })
  })

  it('follows a topic and a tag to their new names', async () => {
    pages.next.push({ items: [paper('1', { topic: 'tax', tags: ['a', 'b'] })] })
    await listed(all)
    const papers = usePapers()
    papers.relabel(new Map([['tax', 'taxes']]), new Map([['a', undefined]]))
    expect(papers.get('1')).toMatchObject({ topic: 'taxes', tags: ['b'] })
    papers.relabel(new Map([['taxes', undefined]]), new Map())
    expect(papers.get('1')?.topic).toBeUndefined()
  })
})
