import { api, isCode, ok } from '@/api/client'
import type { components } from '@/api/schema'
import { useSummary } from './summary'

export type Topic = components['schemas']['TopicTopic']

/** Tries of a change that takes its time: each comes some thousand papers further. */
const patience = 100

/** Repeats what ends with deadline_exceeded, and has come further by then. */
export async function untilDone(run: () => Promise<unknown>) {
  for (let tries = 1; ; tries++) {
    try {
      await run()
      return
    } catch (thrown) {
      if (tries === patience || !isCode(thrown, 'deadline_exceeded')) throw thrown
    }
  }
}

export async function createTopic(topic: Pick<Topic, 'name'> & Partial<Pick<Topic, 'colour' | 'description'>>) {
  await ok(api.POST('/v1/topics', { body: topic }))
  await useSummary().loadNames()
}

/** Changes a topic as it was seen; another change in between is a precondition_failed, and read by then. */
export async function changeTopic(topic: Topic, changes: components['schemas']['TopicChanges']) {
  const params = { path: { id: topic.id }, header: { 'If-Match': `"${topic.version}"` } }
  await ok(api.PATCH('/v1/topics/{id}', { params, body: changes })).finally(useSummary().loadNames)
}

/** Its papers have none from then on. */
export async function deleteTopic(topic: Topic) {
  await untilDone(() => ok(api.DELETE('/v1/topics/{id}', { params: { path: { id: topic.id } } })))
  await useSummary().loadNames()
}
