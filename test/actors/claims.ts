// Claims about single parts, as functions of the part: the tests hold them against ours, and the mutants (test/mutants) are held against them too.

import assert from "node:assert/strict";

export type Claim<Part> = readonly [claim: string, holds: (part: Part) => Promise<void> | void];

/** Lets everything happen that needs no outside event. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What a request waits for that is to take longer than everything that does not wait for it. */
export async function slowly(): Promise<void> {
  for (let i = 0; i < 4; i++) await settle();
}

export type Held<T> = {
  readonly work: () => Promise<T>;
  readonly end: (value: T) => void;
  readonly fail: (reason: Error) => void;
  began: boolean;
};

/** Work that ends when it is told to. */
export function hold<T>(): Held<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const held: Held<T> = {
    began: false,
    end: resolve,
    fail: reject,
    work: () => {
      held.began = true;
      return promise;
    },
  };
  return held;
}

/** Whether a promise has settled by now. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await settle();
  return settled;
}

export { assert };
