/**
 * Finds what belongs to a server name: an exact name, then a wildcard for its first label (RFC 6125 section 6.4.3), else
 * nothing. Names are compared in lower case; a final dot is not part of a name (RFC 6066 section 3).
 */
export class ServerNames<Value> {
  private readonly exact = new Map<string, Value>();
  private readonly wildcard = new Map<string, Value>();

  /** Adds a value under a name; the first one added under a name stays. */
  add(name: string, value: Value): void {
    const lower = name.toLowerCase();
    const [table, key] = lower.startsWith("*.") ? [this.wildcard, lower.slice(2)] : [this.exact, lower];
    if (!table.has(key)) table.set(key, value);
  }

  find(name: string): Value | undefined {
    const exact = this.exact.get(name);
    if (exact !== undefined) return exact;
    const dot = name.indexOf(".");
    return dot < 1 ? undefined : this.wildcard.get(name.slice(dot + 1));
  }
}
