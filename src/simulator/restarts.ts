/** Targets that go offline and come back, by hand or again and again by a fault; and what that does to their sessions. */
import { InvalidOptionError } from "./errors.ts";
import type { World } from "./world.ts";

/**
 * A target goes offline, or comes back.
 * @param told its sessions end with channel_closed; else only ResumeSession says that they are gone
 * @throws InvalidOptionError for a target that there is not
 */
export function setTargetOnline(world: World, targetId: string, online: boolean, told: boolean): void {
  const target = world.targets.get(targetId);
  if (target === undefined) throw new InvalidOptionError("target", `${targetId} is no target`);
  world.targets.set(targetId, {
    ...target,
    connected: online,
    pingStatus: online ? "Online" : "ConnectionLost",
    lastPingMs: Date.now(),
  });
  if (online) return;
  for (const session of world.sessions.values()) {
    if (session.plan.target.id !== targetId) continue;
    if (told) session.terminate("");
    else session.vanish();
  }
}

/** The fault: all targets that are online are restarted again and again. */
export class Restarts {
  readonly #world: World;
  #afterMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #away: readonly string[] = [];

  constructor(world: World) {
    this.#world = world;
    this.faultsChanged();
  }

  /** The faults in force may be others now. */
  faultsChanged(): void {
    const { offlineAfterMs } = this.#world.faults.of();
    if (offlineAfterMs === this.#afterMs) return;
    this.#afterMs = offlineAfterMs;
    clearTimeout(this.#timer);
    this.#comeBack();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #comeBack(): void {
    for (const id of this.#away) setTargetOnline(this.#world, id, true, false);
    this.#away = [];
    if (this.#afterMs > 0) this.#after(this.#afterMs, () => this.#leave());
  }

  #leave(): void {
    this.#away = [...this.#world.targets.values()].filter(({ connected }) => connected).map(({ id }) => id);
    for (const id of this.#away) setTargetOnline(this.#world, id, false, false);
    this.#after(this.#world.faults.of().offlineForMs, () => this.#comeBack());
  }

  #after(delayMs: number, then: () => void): void {
    this.#timer = setTimeout(then, delayMs);
    this.#timer.unref();
  }
}
