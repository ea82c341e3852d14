/** The classes of traffic, the most valuable first: taking an order back is worth more than placing one. */

export const Lane = { cancel: 0, order: 1, market: 2, query: 3 } as const;
export type Lane = (typeof Lane)[keyof typeof Lane];
export const laneNames = ["cancel", "order", "market", "query"] as const;
export type LaneName = (typeof laneNames)[number];
export const lanesCount = 4;

/** The lane of a name, or undefined. */
export function laneOf(name: string): Lane | undefined {
  const index = laneNames.indexOf(name as LaneName);
  return index < 0 ? undefined : (index as Lane);
}
