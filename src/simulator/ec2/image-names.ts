import { Refusal } from './refusal.ts';

const NAME = /^[A-Za-z0-9()[\] ./\-'@_]{3,128}$/;

/** @throws Refusal InvalidAMIName.Malformed */
export function checkImageName(name: string): void {
  if (NAME.test(name)) return;
  throw new Refusal(
    'InvalidAMIName.Malformed',
    "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, and only the following characters: ( ) [ ] . / - ' @ _ and spaces",
  );
}
