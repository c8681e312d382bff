import type { Call, Operation } from './call.ts';
import { isManagedKey } from './keys.ts';

export const getEncryptionByDefault: Operation = {
  parameters: ['DryRun'],
  mutates: false,
  run: ({ place }: Call) => ({ ebsEncryptionByDefault: place.encryptByDefault }),
};

export const getDefaultKey: Operation = {
  parameters: ['DryRun'],
  mutates: false,
  run: ({ place }: Call) => ({ kmsKeyId: isManagedKey(place.defaultKey) ? 'alias/aws/ebs' : place.defaultKey }),
};
