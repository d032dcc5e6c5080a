import { defineStore } from 'pinia'
import { ref } from 'vue'
import { api, isCode, ok } from '@/api/client'

/** Raised when somebody was asked for the password and did not give it. */
export class NotProven extends Error {}

/**
 * What is sensitive wants a proof of the password within 10 minutes. Here it is
 * tried, and where the vault asks for the proof a dialog does.
 */
export const useProof = defineStore('proof', () => {
  const open = ref(false)
  const wantsCode = ref(false)
  let settle: ((proven: boolean) => void) | undefined

  async function run<T>(what: () => Promise<T>): Promise<T> {
    try {
      return await what()
    } catch (thrown) {
      if (!isCode(thrown, 'reauth_required')) throw thrown
      if (!(await ask())) throw new NotProven()
      return what()
    }
  }

  function ask(): Promise<boolean> {
    wantsCode.value = false
    open.value = true
    return new Promise((resolve) => (settle = resolve))
  }

  /** Gives the proof; true when the dialog may close. */
  async function give(password: string, code: string): Promise<boolean> {
    try {
      await ok(api.POST('/v1/auth/reauth', { body: code ? { password, totp_code: code } : { password } }))
    } catch (thrown) {
      if (!isCode(thrown, 'totp_required') || wantsCode.value) throw thrown
      wantsCode.value = true
      return false
    }
    close(true)
    return true
  }

  function close(proven = false) {
    open.value = false
    settle?.(proven)
    settle = undefined
  }

  return { open, wantsCode, run, give, close }
})
