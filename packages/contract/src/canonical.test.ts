import assert from 'node:assert/strict'
import { test } from 'node:test'
import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { canonicalJson } from './canonical.ts'

/** The examples of RFC 8785, 3.2.2 and appendix B. */
test('writes what the RFC gives as examples', () => {
  const example = `{
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
    "literals": [null, true, false]
  }`
  assert.equal(
    canonicalJson(JSON.parse(example)),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  )
  const NUMBERS: [number, string][] = [
    [0, '0'],
    [-0, '0'],
    [5e-324, '5e-324'],
    [-5e-324, '-5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [9007199254740992, '9007199254740992'],
    [295147905179352830000, '295147905179352830000'],
    [9.999999999999997e22, '9.999999999999997e+22'],
    [1e23, '1e+23'],
    [333333333.3333332, '333333333.3333332'],
  ]
  for (const [number, text] of NUMBERS) assert.equal(canonicalJson(number), text)
})

test('members are in the order of their UTF-16 code units', () => {
  const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6', '</script>', '10', '2', '', 'B', 'a']
  const object = Object.fromEntries(keys.map((key) => [key, 0]))
  assert.deepEqual(Object.keys(JSON.parse(canonicalJson(object)) as object).length, keys.length)
  const written = [...canonicalJson(object).matchAll(/"((?:[^"\\]|\\.)*)":/g)].map(([, key]) => JSON.parse(`"${key}"`) as string)
  assert.deepEqual(written, ['', '\r', '1', '10', '2', '</script>', 'B', 'a', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'])
})

test('names that objects have of their own are members like any other', () => {
  const text = '{"__proto__":{"toString":1},"constructor":null,"hasOwnProperty":[]}'
  assert.equal(canonicalJson(JSON.parse(text)), text)
})

test('equals the reference for any JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      // The reference refuses what is no Unicode text; see below.
      if (!JSON.stringify(value).includes('\\ud')) assert.equal(canonicalJson(value), canonicalize(value))
    }),
    { numRuns: 3_000 },
  )
})

test('the order in which members were sent, and white space between them, change nothing', () => {
  const shuffled = fc
    .dictionary(fc.string(), fc.jsonValue())
    .chain((object) => fc.tuple(fc.constant(object), fc.shuffledSubarray(Object.entries(object))))
  fc.assert(
    fc.property(
      shuffled.filter(([object, entries]) => Object.keys(object).length === entries.length),
      ([object, entries]) => {
        const other = JSON.parse(JSON.stringify(Object.fromEntries(entries), null, 2)) as unknown
        assert.equal(canonicalJson(other), canonicalJson(JSON.parse(JSON.stringify(object))))
      },
    ),
  )
})

test('what is written reads as the same value, and differs where the value does', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      const [a, b] = [canonicalJson(one), canonicalJson(other)]
      assert.equal(canonicalJson(JSON.parse(a)), a)
      assert.equal(a === b, canonicalJson(JSON.parse(b)) === a)
    }),
  )
})

test('half a surrogate pair is kept apart from any other, and is still text that UTF-8 can hold', () => {
  const [one, other] = [canonicalJson({ k: 'a\ud800' }), canonicalJson({ k: 'a\udfff' })]
  assert.notEqual(one, other)
  assert.equal(one, '{"k":"a\\ud800"}')
  assert.ok(one.isWellFormed() && canonicalJson({ '\udc00': 1 }).isWellFormed())
})

test('a number that is too large for JSON is refused, however deep', () => {
  for (const text of ['1e400', '-1e400', '[1,{"a":[1e999]}]']) assert.throws(() => canonicalJson(JSON.parse(text)), RangeError)
})
