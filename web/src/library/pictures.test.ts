import { describe, expect, it } from 'vitest'
import { newer, runsOut, type Preview } from './pictures'

const at = (minute: number): Preview => ({
  url: `https://vault.example/p?${minute}`,
  width: 226,
  height: 320,
  expires_at: new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString(),
})

describe('the picture of a paper of which two answers tell', () => {
  it('appears, and stays when an answer does not tell it', () => {
    expect(newer(undefined, undefined)).toBeUndefined()
    expect(newer(undefined, at(1))).toEqual(at(1))
    expect(newer(at(1), undefined)).toEqual(at(1))
  })
  it('has the address that lives longer, whichever came last', () => {
    expect(newer(at(1), at(6))).toEqual(at(6))
    expect(newer(at(6), at(1))).toEqual(at(6))
    const other = { ...at(6), url: 'https://vault.example/other' }
    expect(newer(other, at(6))).toEqual(at(6))
  })
  it('runs out a little before its address does', () => {
    const end = Date.UTC(2026, 0, 1, 12, 6)
    expect(runsOut(at(6), end - 10_000)).toBe(false)
    expect(runsOut(at(6), end - 1000)).toBe(true)
    expect(runsOut(at(6), end + 1000)).toBe(true)
  })
})
