import { describe, expect, it } from 'vitest'
import { makeSpeed } from './speed'

describe('speed', () => {
  it('is what came in the last seconds', () => {
    let at = 0
    const speed = makeSpeed(() => at)
    for (let i = 0; i <= 20; i++, at += 500) speed.add(i * 500)
    expect(Math.round(speed.perSecond)).toBe(1000)
    for (let i = 1; i <= 20; i++, at += 500) speed.add(10_000 + i * 5000)
    expect(Math.round(speed.perSecond)).toBe(10_000)
  })

  it('says nothing from one moment, and starts anew when the total falls', () => {
    let at = 0
    const speed = makeSpeed(() => at)
    speed.add(5000)
    expect(speed.perSecond).toBe(0)
    at = 1000
    speed.add(100)
    expect(speed.perSecond).toBe(0)
  })
})
