import { describe, expect, it } from 'vitest';
import { isConflict, isGone, isNotFound, KubeError } from '../../src/kube/errors.ts';
import { failureOf, retryAfterMs } from '../../src/kube/status-failure.ts';

const failure = (status: number, body: unknown, headers: Record<string, string> = {}): KubeError =>
  failureOf('get things a', { status, headers }, typeof body === 'string' ? body : JSON.stringify(body));

describe('the error for an answer', () => {
  it.each<[string, KubeError, string, string]>([
    [
      'with a Status says what that says',
      failure(404, { kind: 'Status', code: 404, reason: 'NotFound', message: 'things "a" not found' }),
      'NotFound',
      'get things a: things "a" not found (404 NotFound)',
    ],
    [
      'with a Status that gives no reason has the usual one',
      failure(503, { kind: 'Status', message: 'starting' }),
      'ServiceUnavailable',
      'get things a: starting (503 ServiceUnavailable)',
    ],
    [
      'with a Status that says nothing says that',
      failure(418, { kind: 'Status' }),
      'Http418',
      'get things a: no message (418 Http418)',
    ],
    [
      'with a short text shows it',
      failure(403, 'Forbidden by proxy\n', { 'content-type': 'text/plain; charset=utf-8' }),
      'Forbidden',
      'get things a: Forbidden by proxy (HTTP 403)',
    ],
    [
      'with a page asks about proxies and does not quote it',
      failure(502, '<html>secret</html>', { 'content-type': 'text/html' }),
      'Http502',
      'get things a: answered text/html, not a Kubernetes Status; is a proxy in between? (HTTP 502)',
    ],
    [
      'with a long text does not quote it either',
      failure(500, 'x'.repeat(5_000), { 'content-type': 'text/plain' }),
      'InternalError',
      'get things a: answered text/plain, not a Kubernetes Status; is a proxy in between? (HTTP 500)',
    ],
    [
      'with JSON that is no Status does not quote it',
      failure(401, { token: 'secret' }),
      'Unauthorized',
      'get things a: answered without a type, not a Kubernetes Status; is a proxy in between? (HTTP 401)',
    ],
  ])('%s', (_, error, reason, message) => {
    expect(error).toMatchObject({ reason, message });
  });

  it.each<[string, KubeError, number | undefined]>([
    ['the header', failure(429, { kind: 'Status' }, { 'retry-after': '3' }), 3_000],
    ['the details of the Status', failure(429, { kind: 'Status', details: { retryAfterSeconds: 2 } }), 2_000],
    [
      'the header rather than the details',
      failure(429, { kind: 'Status', details: { retryAfterSeconds: 2 } }, { 'retry-after': '3' }),
      3_000,
    ],
    ['nothing', failure(429, { kind: 'Status' }), undefined],
  ])('takes how long to wait from %s', (_, error, ms) => {
    expect(error.retryAfterMs).toBe(ms);
  });

  it.each<[string | undefined, number | undefined]>([
    ['0', 0],
    ['120', 120_000],
    ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['9999999999', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('Retry-After: %s', (value, ms) => {
    expect(retryAfterMs({ 'retry-after': value })).toBe(ms);
  });
});

describe('the kinds of errors', () => {
  const kinds = { isConflict, isGone, isNotFound };

  it.each<[number, string, (keyof typeof kinds)[]]>([
    [404, 'NotFound', ['isNotFound']],
    [409, 'Conflict', ['isConflict']],
    [409, 'AlreadyExists', []],
    [410, 'Expired', ['isGone']],
    [410, 'Gone', ['isGone']],
    [403, 'Forbidden', []],
    [401, 'Unauthorized', []],
    [422, 'Invalid', []],
    [429, 'TooManyRequests', []],
    [500, 'InternalError', []],
    [504, 'Timeout', []],
    [0, 'Unreachable', []],
    [0, 'Timeout', []],
    [0, 'CredentialsUnavailable', []],
    [200, 'BadAnswer', []],
    [400, 'BadRequest', []],
  ])('%s %s is %j', (status, reason, expected) => {
    const error = new KubeError('x', { status, reason });
    const found = Object.entries(kinds).flatMap(([name, is]) => (is(error) ? [name] : []));
    expect(found).toEqual(expected);
  });

  it('what is no answer of Kubernetes is none of them', () => {
    for (const is of Object.values(kinds)) {
      expect(is(Object.assign(new Error('x'), { status: 404, reason: 'NotFound' }))).toBe(false);
      expect(is(undefined)).toBe(false);
    }
  });
});
