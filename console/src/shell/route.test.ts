import { expect, test } from 'vitest'
import { link, parse } from './route'

test('a link is parsed to what it was made of', () => {
  for (const rest of ['sensor-1', 'a/b', 'ü %', '#?&']) {
    expect(parse(link('clients', rest))).toMatchObject({ page: 'clients', rest })
  }
  const route = parse(link('trace', '', { client: 'a/b&c', topic: '' }))
  expect(route.page).toBe('trace')
  expect([...route.query]).toEqual([['client', 'a/b&c']])
})

test('what is no link is the overview, or nothing', () => {
  expect(parse('')).toMatchObject({ page: 'overview', rest: '' })
  expect(parse('#/clients/%E0%A4%A')).toMatchObject({ page: 'clients', rest: '' })
})
