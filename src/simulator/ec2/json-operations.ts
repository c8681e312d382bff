import { describeKey } from './describe-key.ts';
import * as parameters from './parameters.ts';
import type { SimWorld } from './sim-world.ts';
import type { Place } from './world.ts';

/** A value of the JSON protocol that KMS and SSM speak. */
export type Json = string | number | boolean | null | undefined | readonly Json[] | { readonly [name: string]: Json };

/** One request to KMS or SSM, after it was authenticated and routed. */
export interface JsonCall {
  readonly input: { readonly [name: string]: Json };
  readonly world: SimWorld;
  /** Where it was made: the account of the credentials, the region of the signature. */
  readonly place: Place;
}

interface JsonOperation {
  readonly mutates: boolean;
  /** @throws Refusal */
  run(call: JsonCall): { readonly [name: string]: Json };
}

/** Every operation of KMS and SSM that the simulator has, by service and name. */
export const JSON_OPERATIONS: Readonly<Record<'kms' | 'ssm', Readonly<Record<string, JsonOperation>>>> = {
  kms: { DescribeKey: { mutates: false, run: describeKey } },
  ssm: {
    AddTagsToResource: { mutates: true, run: parameters.addTagsToResource },
    DeleteParameter: { mutates: true, run: parameters.deleteParameter },
    DescribeParameters: { mutates: false, run: parameters.describeParameters },
    GetParameter: { mutates: false, run: parameters.getParameter },
    GetParameterHistory: { mutates: false, run: parameters.getParameterHistory },
    PutParameter: { mutates: true, run: parameters.putParameter },
  },
};
