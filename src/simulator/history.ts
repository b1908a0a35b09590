/** Lists of what has happened, which must not grow without end. */

/** Adds an entry; when there are `limit` already the oldest is forgotten. */
export function remember<Entry>(list: Entry[], entry: Entry, limit: number): void {
  while (list.length >= limit) list.shift();
  list.push(entry);
}

/** What tells whether a session may be forgotten. */
interface Forgettable {
  readonly ended: boolean;
  /** Nothing of its agent's part is left. */
  readonly cleared: boolean;
}

/** Makes room for one more session among `limit`: the oldest that have ended go, open ones stay. */
export function forgetEndedSessions(sessions: Map<string, Forgettable>, limit: number): void {
  for (const [id, session] of sessions) {
    if (sessions.size < limit) return;
    if (session.ended && session.cleared) sessions.delete(id);
  }
}
