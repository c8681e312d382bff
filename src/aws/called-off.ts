/** An action that was not carried out because the world is no longer as it was planned for. */
export class CalledOff extends Error {
  override readonly name = 'CalledOff';
  readonly code: string;
  readonly effect: 'retries' | 'keeps';

  constructor(code: string, message: string, effect: 'retries' | 'keeps' = 'retries') {
    super(message);
    this.code = code;
    this.effect = effect;
  }
}
