/**
 * How long things take in each profile. `quick` fits into five minutes with every experiment that an indicator needs;
 * `standard` is what a figure in a talk should come from; `full` has the article's 60 minutes.
 */
export type ProfileName = "quick" | "standard" | "full";

export const profileNames: readonly ProfileName[] = ["quick", "standard", "full"];

export interface Profile {
  readonly name: ProfileName;
  readonly ceilingMs: number;
  readonly kneeTrialMs: number;
  readonly kneeTrialsPerRate: number;
  /** The search ends when its bounds are this close, in ratio. */
  readonly kneeWidthRatio: number;
  /** Share of the knee at each step of the ladder below it. */
  readonly ladderMs: number;
  readonly closedMs: number;
  readonly soakMs: number;
  readonly connectionsMs: number;
  /** Rungs below 10,000 connections. */
  readonly ladderBelow: readonly number[];
  readonly ladderHoldMs: number;
  readonly memorySettleMs: number;
  readonly burstNormalMs: number;
  readonly burstMs: number;
  readonly burstsCount: number;
  readonly mixMs: number;
  readonly collectorMs: number;
  /** Of the lower rung, and of each policy of the collector. */
  readonly collectorPolicyMs: number;
  readonly comparesPolicies: boolean;
  readonly handoversCount: number;
  readonly handoverMs: number;
  readonly poolMs: number;
  readonly scaleMs: number;
  /** Of one block, one after the other. */
  readonly handshakesCount: number;
  readonly tlsBlocksCount: number;
  readonly tlsTrialMs: number;
  readonly peerBlocksCount: number;
  readonly peerBlockMs: number;
}

const quick: Profile = {
  name: "quick",
  ceilingMs: 2000,
  kneeTrialMs: 1300,
  kneeTrialsPerRate: 3,
  kneeWidthRatio: 0.1,
  ladderMs: 800,
  closedMs: 700,
  soakMs: 60_000,
  connectionsMs: 30_000,
  ladderBelow: [],
  ladderHoldMs: 3000,
  memorySettleMs: 3000,
  burstNormalMs: 2000,
  burstMs: 2000,
  burstsCount: 2,
  mixMs: 6000,
  collectorMs: 4000,
  collectorPolicyMs: 1000,
  comparesPolicies: false,
  handoversCount: 3,
  handoverMs: 1500,
  poolMs: 5000,
  scaleMs: 3000,
  handshakesCount: 60,
  tlsBlocksCount: 6,
  tlsTrialMs: 1500,
  peerBlocksCount: 3,
  peerBlockMs: 2000,
};

const standard: Profile = {
  ...quick,
  name: "standard",
  ceilingMs: 3000,
  kneeTrialMs: 6000,
  kneeTrialsPerRate: 3,
  kneeWidthRatio: 0.04,
  ladderMs: 5000,
  closedMs: 4000,
  soakMs: 600_000,
  ladderBelow: [1000, 3000],
  ladderHoldMs: 20_000,
  memorySettleMs: 15_000,
  burstNormalMs: 10_000,
  burstMs: 5000,
  burstsCount: 4,
  mixMs: 60_000,
  collectorMs: 60_000,
  collectorPolicyMs: 15_000,
  comparesPolicies: true,
  handoversCount: 10,
  handoverMs: 4000,
  poolMs: 20_000,
  scaleMs: 8000,
  handshakesCount: 400,
  tlsBlocksCount: 10,
  tlsTrialMs: 4000,
  peerBlocksCount: 8,
  peerBlockMs: 4000,
};

const full: Profile = {
  ...standard,
  name: "full",
  kneeTrialMs: 10_000,
  kneeTrialsPerRate: 5,
  kneeWidthRatio: 0.02,
  soakMs: 3_600_000,
  connectionsMs: 60_000,
  ladderHoldMs: 60_000,
  mixMs: 300_000,
  collectorMs: 300_000,
  collectorPolicyMs: 60_000,
  handoversCount: 30,
  poolMs: 60_000,
};

export const profiles: Readonly<Record<ProfileName, Profile>> = { quick, standard, full };

/** For tests: the same logic in a few seconds; its figures mean nothing. */
export const tinyProfile: Profile = {
  ...quick,
  ceilingMs: 0,
  kneeTrialMs: 1000,
  kneeTrialsPerRate: 1,
  kneeWidthRatio: 0.5,
  ladderMs: 1000,
  closedMs: 1000,
  soakMs: 6000,
  connectionsMs: 2000,
  ladderHoldMs: 2000,
  memorySettleMs: 2000,
  burstNormalMs: 1000,
  burstMs: 1000,
  burstsCount: 1,
  mixMs: 2000,
  collectorMs: 2000,
  collectorPolicyMs: 1000,
  comparesPolicies: true,
  handoversCount: 1,
  handoverMs: 2000,
  poolMs: 2000,
  scaleMs: 1000,
  handshakesCount: 10,
  tlsBlocksCount: 2,
  tlsTrialMs: 500,
  peerBlocksCount: 2,
  peerBlockMs: 1000,
};
