import { expect, test } from 'vitest'
import { asHex, asJSON, asText, fromBase64, hexLimit, preview, tokens } from './payload'

const bytes = (text: string) => new TextEncoder().encode(text)

test('text is UTF-8 that can be shown', () => {
  expect(asText(bytes('grüße\n\t21 °C'))).toBe('grüße\n\t21 °C')
  expect(asText(new Uint8Array([0xff, 0xfe]))).toBeNull()
  expect(asText(new Uint8Array([65, 0, 66]))).toBeNull()
})

test('JSON is an object or array', () => {
  expect(asJSON(' {"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}')
  expect(asJSON('21.5')).toBeNull()
  expect(asJSON('{broken')).toBeNull()
  expect(asJSON(null)).toBeNull()
})

test('hexadecimal has offset, two times eight bytes and ASCII', () => {
  expect(asHex(bytes('0123456789abcdef!'))).toBe(
    [
      '000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef',
      '000010  21                                                !',
    ].join('\n'),
  )
  expect(asHex(new Uint8Array(hexLimit + 100)).split('\n')).toHaveLength(hexLimit / 16)
})

test('tokens are the whole text', () => {
  const json = '{\n  "a\\"b": "c: 1",\n  "n": -1.5e3,\n  "t": [true, null]\n}'
  const found = tokens(json)
  expect(found.map((t) => t.text).join('')).toBe(json)
  expect(found.filter((t) => t.kind !== 'plain').map((t) => [t.kind, t.text])).toEqual([
    ['key', '"a\\"b"'],
    ['string', '"c: 1"'],
    ['key', '"n"'],
    ['number', '-1.5e3'],
    ['key', '"t"'],
    ['word', 'true'],
    ['word', 'null'],
  ])
})

test('a preview is one line', () => {
  expect(preview(bytes('a\n  b'))).toBe('a b')
  expect(preview(bytes('x'.repeat(200)), 10)).toBe(`${'x'.repeat(10)}…`)
  expect(preview(new Uint8Array([0, 255]))).toBe('00 ff')
  expect(preview(new Uint8Array())).toBe('')
  expect(fromBase64('AP8=')).toEqual(new Uint8Array([0, 255]))
})
