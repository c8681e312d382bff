import { expect, it } from 'vitest';
import { hideCredentials } from '../../src/aws/hide-credentials.ts';

it.each([
  ['an access key', 'the key AKIAIOSFODNN7EXAMPLE is unknown', 'the key <access key> is unknown'],
  ['the access key of a session', 'ASIAIOSFODNN7EXAMPLE/us-east-1', '<access key>/us-east-1'],
  ['a session token', `token ${'IQoJb3JpZ2luX2VjE'.padEnd(60, 'x')}== expired`, 'token <session token> expired'],
  ['a token of Kubernetes', 'Bearer eyJhbGciOiJSUzI1.eyJpc3MiOiJrdWJl.c2lnbmF0dXJl', 'Bearer <token>'],
  ['nothing else', 'ami-0123456789abcdef0 of 111122223333', 'ami-0123456789abcdef0 of 111122223333'],
])('hides %s', (_, text, hidden) => {
  expect(hideCredentials(text)).toBe(hidden);
});
