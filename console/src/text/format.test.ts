import { expect, test } from 'vitest'
import { ago, bytes, clock, count, duration, rate, sentence, short, words } from './format'

test.each([
  [0, '0'],
  [999, '999'],
  [9999, '9,999'],
  [12_345, '12.3 k'],
  [999_400, '999 k'],
  [1_000_000, '1 M'],
  [4_560_000_000, '4.56 G'],
])('short(%d)', (n, want) => expect(short(n)).toBe(want))

test.each([
  [null, '–'],
  [0, '0'],
  [0.01, '<0.1'],
  [0.44, '0.4'],
  [9.96, '10'],
  [12.6, '13'],
  [1234.4, '1,234'],
])('rate(%s)', (n, want) => expect(rate(n)).toBe(want))

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '0.977 KiB'],
  [1536, '1.5 KiB'],
  [5_242_880, '5 MiB'],
  [3 * 2 ** 30, '3 GiB'],
  [2 ** 50, '1024 TiB'],
])('bytes(%d)', (n, want) => expect(bytes(n)).toBe(want))

test.each([
  [0, '0 s'],
  [59.9, '59 s'],
  [60, '1 min'],
  [3599, '59 min 59 s'],
  [86_400, '1 d'],
  [86_400 + 3 * 3600 + 120, '1 d 3 h'],
  [86_405, '1 d'],
  [-5, '0 s'],
])('duration(%d)', (n, want) => expect(duration(n)).toBe(want))

test('ago', () => {
  const now = Date.parse('2026-01-01T10:00:00Z')
  expect(ago('2026-01-01T09:59:59.5Z', now)).toBe('now')
  expect(ago('2026-01-01T09:57:00Z', now)).toBe('3 min ago')
  expect(ago('2026-01-01T08:57:00Z', now)).toBe('1 h ago')
  expect(ago(undefined, now)).toBe('–')
})

test('clock, words, count', () => {
  expect(clock(new Date(2026, 0, 1, 3, 4, 5, 6).getTime(), true)).toBe('03:04:05.006')
  expect(words('QueueFull')).toBe('queue full')
  expect(words('too_many-levels')).toBe('too many levels')
  expect(count(1234567)).toBe('1,234,567')
  expect(['it is full', 'Done.', ''].map(sentence)).toEqual(['It is full.', 'Done.', ''])
})
