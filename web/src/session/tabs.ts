/**
 * One refresh among all tabs of a browser.
 *
 * A tab that needs an access token asks the others first. One that has a fresh
 * token gives it; one that is just getting one says so, and the asker waits for
 * it; of tabs that ask at the same moment the one with the lowest name goes. It
 * is a courtesy and no lock: a tab that hears nothing in time goes by itself,
 * which the API forgives (a token that was just rotated answers the same
 * successor). Tokens pass through memory only: a BroadcastChannel stores
 * nothing and reaches only this origin.
 */

/** Tokens of a session, and when they end on this machine's clock (ms). */
export interface Pass<User> {
  user: User
  token: string
  until: number
}

type Message<User> =
  | { type: 'ask'; from: string }
  | { type: 'busy'; from: string; to: string }
  | { type: 'pass'; from: string; pass: Pass<User> }
  | { type: 'failed'; from: string }
  | { type: 'ended'; from: string; reason: string }

/** The part of a BroadcastChannel that is used. */
export interface Channel {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
}

export interface TabsOptions<User> {
  channel: Channel | undefined
  /** Gets a new pass from the API. Called by one tab at a time, mostly. */
  refresh: () => Promise<Pass<User>>
  /** The pass that this tab has, if it is still worth giving away. */
  mine: () => Pass<User> | undefined
  /** Another tab signed in or refreshed. */
  onPass: (pass: Pass<User>) => void
  /** Another tab's session ended, which is this one's too. */
  onEnded: (reason: string) => void
  name?: string
  /** Milliseconds to listen for answers. */
  listen?: number
  /** Milliseconds to wait for a tab that said it is busy. */
  patience?: number
}

export interface Tabs<User> {
  /** A fresh pass, from another tab or the API, and not the one that was refused; callers share one flight. */
  renew: (refused?: string) => Promise<Pass<User>>
  share: (pass: Pass<User>) => void
  end: (reason: string) => void
}

export function connectTabs<User>(options: TabsOptions<User>): Tabs<User> {
  const { channel, refresh, mine, onPass, onEnded, listen = 60, patience = 5000 } = options
  const name = options.name ?? Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join('')
  let flight: Promise<Pass<User>> | undefined
  let stage: 'idle' | 'asking' | 'waiting' | 'going' = 'idle'
  let unwanted: string | undefined
  let heard: ((message: Message<User>) => void) | undefined

  const post = (message: Message<User>) => channel?.postMessage(message)

  channel?.addEventListener('message', ({ data }) => {
    const message = data as Message<User>
    if (message.from === name) return
    switch (message.type) {
      case 'ask': {
        const pass = mine()
        if (pass) post({ type: 'pass', from: name, pass })
        else if (stage === 'going' || (stage === 'asking' && name < message.from)) post({ type: 'busy', from: name, to: message.from })
        break
      }
      case 'pass':
        // A tab that nothing was refused to yet may give what was refused here.
        if (message.pass.token === unwanted) return
        onPass(message.pass)
        break
      case 'ended':
        onEnded(message.reason)
        break
    }
    heard?.(message)
  })

  /** Asks the others; undefined when it is this tab's turn. */
  function ask(): Promise<Pass<User> | undefined> {
    if (!channel) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      let timer = setTimeout(done, listen)
      function done(pass?: Pass<User>) {
        clearTimeout(timer)
        heard = undefined
        resolve(pass)
      }
      function wait() {
        if (stage === 'waiting') return
        stage = 'waiting'
        clearTimeout(timer)
        timer = setTimeout(done, patience)
      }
      heard = (message) => {
        switch (message.type) {
          case 'pass':
            return done(message.pass)
          case 'busy': // said to everybody, meant for one: who waited for a waiting tab would wait in vain
            return message.to === name ? wait() : undefined
          case 'ask':
            if (stage === 'asking' && message.from < name) wait()
            return
          case 'failed':
          case 'ended':
            if (stage === 'waiting') done()
        }
      }
      stage = 'asking'
      post({ type: 'ask', from: name })
    })
  }

  async function go(): Promise<Pass<User>> {
    try {
      const given = await ask()
      if (given) return given
      stage = 'going'
      const pass = await refresh()
      post({ type: 'pass', from: name, pass })
      return pass
    } catch (error) {
      post({ type: 'failed', from: name })
      throw error
    } finally {
      stage = 'idle'
      flight = undefined
    }
  }

  return {
    renew: (refused) => {
      if (refused !== undefined) unwanted = refused
      return (flight ??= go())
    },
    share: (pass) => post({ type: 'pass', from: name, pass }),
    end: (reason) => post({ type: 'ended', from: name, reason }),
  }
}
