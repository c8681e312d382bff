/** A request that a service refuses, with the code, words and HTTP status that they use. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export const imageNotFound = (ids: readonly string[]): Refusal =>
  ids.length === 1
    ? new Refusal('InvalidAMIID.NotFound', `The image id '[${ids[0]}]' does not exist`)
    : new Refusal('InvalidAMIID.NotFound', `The image ids '[${ids.join(', ')}]' do not exist`);

export const snapshotNotFound = (id: string): Refusal =>
  new Refusal('InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`);

export const authFailure = (): Refusal =>
  new Refusal('AuthFailure', 'AWS was not able to validate the provided access credentials', 401);
