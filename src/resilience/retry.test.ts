import { expect, test } from "bun:test";
import { backoffMs, decideRetry, RetryBudget, type RetryCase, RetryVerdict, retryVerdictNames } from "./retry.ts";

const good: RetryCase = {
  isRetryable: true,
  isUnsent: true,
  isMethodIdempotent: true,
  isKeyHonoured: false,
  hasAnswerBegun: false,
  isBodyHeld: true,
  attempts: 1,
  attemptsMax: 3,
  leftMs: 1000,
  backoffMs: 10,
  isBreakerClosed: true,
  hasBudget: true,
};

test("every circumstance that forbids a retry forbids it by its own name", () => {
  const table: [Partial<RetryCase>, (typeof retryVerdictNames)[number]][] = [
    [{}, "retry"],
    [{ isUnsent: false }, "retry"],
    [{ isMethodIdempotent: false }, "retry"],
    [{ isUnsent: false, isMethodIdempotent: false }, "not-repeatable"],
    [{ isUnsent: false, isMethodIdempotent: false, isKeyHonoured: true }, "retry"],
    [{ isRetryable: false }, "not-retryable"],
    [{ hasAnswerBegun: true }, "answer-begun"],
    [{ isBodyHeld: false }, "body-gone"],
    [{ attempts: 3 }, "attempts-used"],
    [{ leftMs: 10 }, "deadline-too-near"],
    [{ leftMs: 11 }, "retry"],
    [{ isBreakerClosed: false }, "breaker-open"],
    [{ hasBudget: false }, "budget-spent"],
  ];
  expect(table.map(([change]) => retryVerdictNames[decideRetry({ ...good, ...change })])).toEqual(
    table.map(([, verdict]) => verdict),
  );
});

test("of all 512 combinations, none that was sent, is not idempotent and has no honoured key is repeated", () => {
  const flags = [
    "isRetryable",
    "isUnsent",
    "isMethodIdempotent",
    "isKeyHonoured",
    "hasAnswerBegun",
    "isBodyHeld",
  ] as const;
  let retried = 0;
  for (let bits = 0; bits < 512; bits++) {
    const it = {
      ...good,
      isBreakerClosed: (bits & 64) !== 0,
      hasBudget: (bits & 128) !== 0,
      attempts: bits & 256 ? 3 : 1,
    };
    for (const [index, flag] of flags.entries()) it[flag] = (bits & (1 << index)) !== 0;
    if (decideRetry(it) !== RetryVerdict.retry) continue;
    retried += 1;
    expect(it.isUnsent || it.isMethodIdempotent || it.isKeyHonoured).toBe(true);
    expect(it.hasAnswerBegun).toBe(false);
  }
  expect(retried).toBe(7);
});

test("the budget allows its share of requests and its trickle, and no more", () => {
  const budget = new RetryBudget(0.2, 3, 0);
  let retries = 0;
  for (let index = 0; index < 10_000; index++) {
    budget.countRequest();
    if (budget.hasOne(index)) {
      budget.spend();
      retries += 1;
    }
  }
  expect(Math.abs(retries - (2000 + 30 + 3))).toBeLessThanOrEqual(2);
});

test("backoff doubles up to its maximum and is spread over its whole length", () => {
  expect([1, 2, 3, 9].map((attempts) => backoffMs(attempts, 25, 250, 0.5))).toEqual([12.5, 25, 50, 125]);
  expect(backoffMs(1, 25, 250, 0)).toBe(0);
});
