/** Why an image that is due is kept all the same. */
export interface Objection {
  readonly code: string;
  readonly message: string;
}
