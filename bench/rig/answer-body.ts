/** What every backend of the benchmarks answers: a quote as small JSON text. */
export const answerBody: string = JSON.stringify({
  symbol: "WEIR",
  bid: "10.01",
  ask: "10.02",
  last: "10.01",
  volume: 123456,
  currency: "EUR",
});
