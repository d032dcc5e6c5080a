import { defineStore } from 'pinia'
import { shallowRef } from 'vue'

export interface Question {
  title: string
  words?: string
  action: string
  bad?: boolean
  /** With a label somebody is asked for a text, else only whether it is to be done. */
  label?: string
  value?: string
  hint?: string
  maxLength?: number
  /** What may be chosen instead of being written. */
  offers?: readonly string[]
}

/** Asks whoever sits there something, in one dialog for all of the page. */
export const useAsk = defineStore('ask', () => {
  const question = shallowRef<Question>()
  let settle: ((answer: string | undefined) => void) | undefined

  function ask(about: Question): Promise<string | undefined> {
    settle?.(undefined)
    question.value = about
    return new Promise((resolve) => (settle = resolve))
  }

  /** Undefined is no. */
  function answer(text?: string) {
    question.value = undefined
    settle?.(text)
    settle = undefined
  }

  /** A text; undefined when none was given. */
  const text = (about: Question & { label: string }) => ask(about)
  const sure = async (about: Question) => (await ask(about)) !== undefined

  return { question, text, sure, answer }
})
