import { z } from "zod";

/** An object with these fields and no others. Who sends another is told which there are. */
export const fields = <S extends z.core.$ZodLooseShape>(shape: S): z.ZodObject<S, z.core.$strict> =>
  z.strictObject(shape, { error: ({ code }) => (code === "unrecognized_keys" ? allowed(Object.keys(shape)) : undefined) });

const allowed = (names: readonly string[]): string => (names.length === 0 ? "there are none" : `there are ${names.join(", ")}`);
