import type { Bus } from "../../actors/ports.ts";
import type { Host } from "./host.ts";
import type { World } from "./world.ts";

/** The bus: what is published is out, whatever the publisher hears of it. */
export class SimBus {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  for(host: Host): Bus {
    const { random, schedule, oracle } = this.#world;
    return {
      publish: (events) => {
        const { unpublished } = this.#world.faults.chances;
        const fate = random.weighted({ heard: 1 - unpublished, unheard: unpublished / 3, lost: unpublished / 3, part: unpublished / 3 });
        const there = random.between(0.2, 3);
        const out = fate === "lost" ? [] : fate === "part" ? events.filter(() => random.chance(0.5)) : events;
        if (out.length > 0)
          schedule.in(there, `${host.name} publishes ${out.map(({ context, version }) => `${context}/${version}`).join(" ")}`, () => {
            for (const event of out) oracle.published(event);
          });
        return new Promise((resolve) => {
          host.in(there + random.between(0.2, 3), `told of publishing, ${fate}`, () => resolve(fate === "heard"));
        });
      },
    };
  }
}
