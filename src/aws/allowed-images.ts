import { GetAllowedImagesSettingsCommand } from '@aws-sdk/client-ec2';
import type { AllowedImages } from '../policy/model.ts';
import type { CallOptions, ServiceApi } from './aws-clients.ts';

/**
 * Which images of other accounts a target allows, as far as their owner decides it.
 * @throws AwsError
 */
export async function readAllowedImages(ec2: ServiceApi, options: CallOptions): Promise<AllowedImages> {
  const { State, ImageCriteria = [] } = await ec2.send(new GetAllowedImagesSettingsCommand({}), options);
  // `audit-mode` only marks what would not be allowed.
  if (State !== 'enabled') return { isOn: false };
  const lists = ImageCriteria.map(({ ImageProviders }) => ImageProviders ?? []);
  // A criterion that names nobody may allow anybody's.
  if (lists.some((providers) => providers.length === 0)) return { isOn: true };
  return { isOn: true, providers: lists.flat() };
}
