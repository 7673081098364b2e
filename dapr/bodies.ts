// Bodies of requests, bounded before they are held.

import type { IncomingMessage } from "node:http";

/** A body, and what gives its room back once nobody needs it any more. */
export type Body = { readonly bytes: Buffer; readonly release: () => void };

/** What a piece of a body costs beside its bytes: a sender may cut it as small as it likes. */
const bytesPerPiece = 128;
/** What a request and its answer cost beside the bytes of its head and its body. */
const bytesPerRequest = 2_048;
export const noBody: Body = { bytes: Buffer.alloc(0), release: () => {} };

/** Reads bodies whole: each up to a cap, and those that are counted together up to another. */
export class Bodies {
  readonly #caps: { readonly each: number; readonly together: number };
  #held = 0;

  constructor(caps: { each: number; together: number }) {
    this.#caps = caps;
  }

  /**
   * Answers that there is no body as soon as that is known, while it may still be arriving. `more` bytes may be above the cap. Rejects when its
   * sender hangs up half way.
   */
  async read(request: IncomingMessage, counted: boolean, more = 0): Promise<Body | "too large" | "no room"> {
    const length = Number(request.headers["content-length"] ?? 0);
    const most = this.#caps.each + more;
    if (length > most) return "too large";
    const empty = length === 0 && request.headers["transfer-encoding"] === undefined;
    if (empty && !counted) return noBody;
    let mine = 0;
    const release = (): void => {
      this.#held -= mine;
      mine = 0;
    };
    const hold = (bytes: number): boolean => {
      const cost = counted ? bytes : 0;
      mine += cost;
      this.#held += cost;
      return this.#held <= this.#caps.together;
    };
    // A call that waits holds its head too, whether it has a body or not.
    if (!hold(bytesPerRequest + bytesOfHead(request))) {
      release();
      return "no room";
    }
    if (empty) return { bytes: noBody.bytes, release };
    try {
      const bytes = await this.#gather(request, most, hold);
      if (Buffer.isBuffer(bytes)) return { bytes, release };
      release();
      return bytes;
    } catch (reason) {
      release();
      throw reason;
    }
  }

  #gather(request: IncomingMessage, most: number, hold: (bytes: number) => boolean): Promise<Buffer | "too large" | "no room"> {
    const pieces: Buffer[] = [];
    let size = 0;
    return new Promise((resolve, reject) => {
      const stop = (why: "too large" | "no room"): void => {
        request.removeAllListeners("data");
        resolve(why);
      };
      request.on("data", (piece: Buffer) => {
        size += piece.length;
        if (size > most) return stop("too large");
        if (!hold(piece.length + bytesPerPiece)) return stop("no room");
        pieces.push(piece);
      });
      request.on("end", () => resolve(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, size)));
      // Nobody is left to hear an answer: the error, which comes when the sender hangs up half way too, only ends the request.
      request.on("error", reject);
    });
  }
}

function bytesOfHead({ url = "", rawHeaders }: IncomingMessage): number {
  let bytes = url.length;
  for (const part of rawHeaders) bytes += part.length;
  return bytes;
}
