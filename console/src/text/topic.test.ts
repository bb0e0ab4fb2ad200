import { expect, test } from 'vitest'
import { filterProblem, matches, topicProblem } from './topic'

test.each([
  ['sport/#', 'sport', true],
  ['sport/#', 'sport/a/b', true],
  ['sport/+', 'sport', false],
  ['sport/+', 'sport/', true],
  ['+/+', '/finance', true],
  ['+', '/finance', false],
  ['a/b', 'a/b/c', false],
  ['#', '$SYS/x', false],
  ['+/x', '$SYS/x', false],
  ['$SYS/#', '$SYS/x', true],
  ['$share/g/a/+', 'a/b', true],
  ['$share/g//x', '/x', true],
])('matches(%s, %s)', (filter, topic, want) => expect(matches(filter, topic)).toBe(want))

test('problems', () => {
  for (const good of ['#', '+', 'a/+/b/#', '/', 'a b']) expect(filterProblem(good)).toBe('')
  for (const bad of ['', 'a#', '#/a', 'a+/b']) expect(filterProblem(bad)).not.toBe('')
  expect(topicProblem('a/b')).toBe('')
  for (const bad of ['', 'a/#', '+']) expect(topicProblem(bad)).not.toBe('')
})
