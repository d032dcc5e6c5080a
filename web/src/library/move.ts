import { asProblem } from '@/api/problem'
import { useNotices } from '@/composables/notices'
import { useFolders } from './folders'
import { forEach, usePapers } from './papers'

type Translate = (key: string, named: Record<string, unknown>, plural: number) => string

/** Moves papers into a folder, or to the top, and says how it went. */
export async function movePapers(ids: readonly string[], folder: string | null, t: Translate) {
  const papers = usePapers()
  const folders = useFolders()
  const notices = useNotices()
  const { done, failed, first } = await forEach(ids, async (id) => {
    const paper = papers.get(id) ?? (await papers.read(id))
    if ((paper.folder_id ?? null) !== folder) await papers.change(paper, { folder_id: folder })
  })
  if (done > 0) notices.say(t('folders.moved', { n: done, name: folder ? (folders.get(folder)?.name ?? '') : t('nav.all', {}, 1) }, done))
  if (failed > 0) notices.failed(asProblem(first))
  await folders.load().catch(() => undefined)
}
