// One caller of actors, as cheap as a caller can be: it shares two cores with what it measures. undici's dispatch without promises or streams
// in between, one request a connection at a time.
import { Pool } from "undici";

/** Who calls the actors of one sidecar. */
export class Caller {
  readonly #pool: Pool;

  constructor(url: string, connections: number) {
    this.#pool = new Pool(url, { connections, pipelining: 1, keepAliveTimeout: 60_000, headersTimeout: 60_000, bodyTimeout: 60_000 });
  }

  /** The text of a 200. Throws for everything else. */
  call(type: string, id: string, method: string, body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let status = 0;
      this.#pool.dispatch(
        {
          method: "PUT",
          path: `/v1.0/actors/${type}/${id}/method/${method}`,
          body,
          headers: { "content-type": "application/json" },
        },
        {
          onRequestStart() {},
          onResponseStart(_, code) {
            status = code;
          },
          onResponseData(_, chunk) {
            chunks.push(chunk);
          },
          onResponseEnd() {
            const text = (chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)).toString();
            if (status === 200) resolve(text);
            else reject(new Error(`${type}/${id}/${method} answered ${status}: ${text.slice(0, 500)}`));
          },
          onResponseError(_, error) {
            reject(error);
          },
        },
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close();
  }
}
