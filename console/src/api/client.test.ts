import { expect, test, vi } from 'vitest'
import { address, clearRetained, client, lines, type Refused, send } from './client'
import { basic, bearer } from './session'

vi.stubGlobal('sessionStorage', { getItem: () => 'Bearer secret' })

function answers(status: number, body: string) {
  const fetch = vi.fn(
    async (_url: string, _init: RequestInit) => new Response(status === 204 ? null : body, { status }),
  )
  vi.stubGlobal('fetch', fetch)
  return fetch
}

test('addresses leave out what is empty', () => {
  expect(address('clients', { search: 'a&b', after: '', limit: 50, session: false, user: undefined })).toBe(
    './v1/clients?search=a%26b&limit=50',
  )
  expect(address('status')).toBe('./v1/status')
})

test('identifiers and topics are one piece of a path', async () => {
  const fetch = answers(200, '{}')
  await client('a/b?c#%')
  await clearRetained('/plant//ü')
  expect(fetch.mock.calls.map(([url]) => url)).toEqual([
    './v1/clients/a%2Fb%3Fc%23%25',
    './v1/retained/%2Fplant%2F%2F%C3%BC',
  ])
  expect(fetch.mock.calls[0]?.[1]).toMatchObject({
    method: 'GET',
    credentials: 'omit',
    headers: { Authorization: 'Bearer secret' },
  })
})

test.each([
  [400, '{"error":"parameter limit: must be a number"}', 'parameter limit: must be a number'],
  [403, '', 'Your role does not allow that.'],
  [429, '', 'Too many calls for now: wait a moment.'],
  [502, '<html>', '<html>'],
  [503, 'x'.repeat(400), 'The broker answers 503 .'],
])('an answer of %d is refused with %s', async (status, body, want) => {
  answers(status, body)
  const failed = await send('GET', './v1/x').catch((e) => e as Refused)
  expect(failed).toMatchObject({ status, message: want })
})

test('no answer says so', async () => {
  vi.stubGlobal('fetch', vi.fn().mockRejectedValue(new TypeError('failed to fetch')))
  const failed = await send('GET', './v1/x').catch((e) => e as Refused)
  expect(failed).toMatchObject({ status: 0 })
})

test('a stream is split into lines wherever its pieces end', async () => {
  vi.stubGlobal('fetch', vi.fn())
  const bytes = new TextEncoder().encode('{"a":"ü"}\n\n{"b":1}\nlast')
  const found: string[] = []
  const stream = new ReadableStream<Uint8Array>({
    start(c) {
      for (const byte of bytes) c.enqueue(new Uint8Array([byte]))
      c.close()
    },
  })
  await lines(stream, (line) => found.push(line))
  expect(found).toEqual(['{"a":"ü"}', '{"b":1}', 'last'])
})

test('credentials', () => {
  vi.stubGlobal('fetch', vi.fn())
  expect(bearer(' token\n')).toBe('Bearer token')
  expect(basic('jürgen', 'pä:ß')).toBe(`Basic ${Buffer.from('jürgen:pä:ß').toString('base64')}`)
})
