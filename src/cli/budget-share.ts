import { InvalidArgumentError, Option } from 'commander';
import { DEFAULT_SHARE } from '../aws/rate-budget.ts';

/** `--budget-share`, of every command that changes AWS. */
export const budgetShareOption = (): Option =>
  new Option(
    '--budget-share <fraction>',
    'the part of the request rates and of the copies in flight that AWS allows each account and region; the rest is for others',
  )
    .default(DEFAULT_SHARE)
    .argParser(fraction);

function fraction(text: string): number {
  const value = Number(text);
  if (!/^(0?\.\d+|1(\.0+)?)$/.test(text) || value <= 0)
    throw new InvalidArgumentError('Say a fraction above 0 and at most 1, for example 0.5.');
  return value;
}
