/**
 * Indicators are files, so that an institution's own acceptance sheet needs no code: what is claimed, which experiment gives
 * the evidence, and the assertions on its figures. Every problem of a file is told at once with its line and column.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import { defineMessages, type Message, say, WeirError } from "../../base/mod.ts";
import {
  type LeafProblem,
  listOf,
  orNull,
  parseDocumentWith,
  renderProblems,
  section,
  text,
} from "../../config/mod.ts";
import type { Text } from "../text.ts";

export type Comparison = ">=" | "<=" | ">" | "<";

export interface Assertion {
  readonly figure: string;
  readonly comparison: Comparison;
  readonly threshold: number;
}

export interface Indicator {
  readonly id: string;
  readonly title: Text;
  /** The experiment that gives the evidence; null for an indicator that cannot be measured yet. */
  readonly scenario: string | null;
  readonly assertions: readonly Assertion[];
  readonly evidence: readonly string[];
  readonly source: Text;
  readonly article: Text | null;
  readonly notYet: Text | null;
}

const problems = defineMessages({
  id: { en: "{found} is no id", zh: "{found} 不是有效的编号" },
  idHint: { en: "letters, digits, '-' and '_': I-03, OWN-7", zh: "字母、数字、“-”与“_”：I-03、OWN-7" },
  assertion: { en: '"{found}" is no assertion', zh: "“{found}”不是断言" },
  assertionHint: {
    en: "a figure, a comparison and a number: 'knee_per_second >= 42600'; docs/prove.md lists the figures",
    zh: "数据项、比较符与数字：'knee_per_second >= 42600'；docs/prove.md 列出所有数据项",
  },
  scenario: {
    en: '{file}: scenario: there is no experiment "{found}" ({known})',
    zh: "{file}：scenario：没有实验“{found}”（{known}）",
  },
  empty: {
    en: "{file}: an indicator needs a scenario with assertions, or notYet with the reason",
    zh: "{file}：指标需要 scenario 与 assertions，或用 notYet 说明原因",
  },
  twice: { en: "{file}: {id} is already defined", zh: "{file}：{id} 重复定义" },
  wrong: { en: "the indicators have problems:\n{problems}", zh: "指标文件存在问题：\n{problems}" },
  wrongHint: { en: "docs/prove.md describes the format", zh: "格式见 docs/prove.md" },
});

const plain = (why: string) => text({ type: "text" }, { why }, (value) => ({ value }));
const wrong = (problem: Message, hint: Message, found: string): LeafProblem => ({ problem, hint, values: { found } });

const bilingual = (why: string): z.ZodType<Text, unknown> =>
  section({ en: plain(`${why} In English.`), zh: plain(`${why} In Chinese.`) });

const assertion = text<Assertion>({ type: "assertion" }, { why: "What must hold of a figure." }, (input) => {
  const match = /^\s*([a-z][a-z0-9_]*)\s*(>=|<=|>|<)\s*(-?\d[\d_]*(?:\.\d+)?(?:e-?\d+)?)\s*$/.exec(input);
  if (match === null) return wrong(problems.assertion, problems.assertionHint, input);
  const [, figure, comparison, number] = match as unknown as [string, string, Comparison, string];
  return { value: { figure, comparison, threshold: Number(number.replaceAll("_", "")) } };
});

const indicatorSchema = section({
  id: text({ type: "id" }, { why: "Its name in tables." }, (input) =>
    /^[A-Za-z][\w-]{0,31}$/.test(input) ? { value: input } : wrong(problems.id, problems.idHint, input),
  ),
  title: bilingual("What is claimed."),
  scenario: orNull(plain("The experiment that gives the evidence."), "Left out, it cannot be measured yet."),
  assertions: listOf(assertion, { default: [], max: 32, why: "All must hold. The first one is the figure in tables." }),
  evidence: listOf(plain("A kind of evidence."), { default: [], max: 32, why: "What an auditor wants to see." }),
  source: bilingual("Where the claim comes from."),
  article: orNull(bilingual("The article's figure."), "The article's figure, for the reader."),
  notYet: orNull(bilingual("Why."), "Why it cannot be measured yet."),
});

export const ownFolder = join(import.meta.dir, "../../../indicators");

/** Reads Weir's own indicators and those of a user's folder, which may replace Weir's by their id. */
export function readIndicators(experiments: readonly string[], usersFolder: string | null): Indicator[] {
  const found: string[] = [];
  const byId = new Map<string, Indicator>();
  for (const folder of [ownFolder, ...(usersFolder === null ? [] : [usersFolder])]) {
    const inFolder = new Set<string>();
    for (const file of filesIn(folder)) {
      const parsed = parseIndicator(readFileSync(file, "utf8"), file, experiments);
      if ("problems" in parsed) {
        found.push(parsed.problems);
        continue;
      }
      const { id } = parsed.indicator;
      if (inFolder.has(id)) found.push(say(problems.twice, { file, id }));
      inFolder.add(id);
      byId.set(id, parsed.indicator);
    }
  }
  if (found.length > 0) {
    throw new WeirError("prove.indicators", say(problems.wrong, { problems: found.join("\n") }), {
      hint: say(problems.wrongHint),
    });
  }
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** One file's indicator, or all its problems as text. */
export function parseIndicator(
  content: string,
  file: string,
  experiments: readonly string[],
): { readonly indicator: Indicator } | { readonly problems: string } {
  const parsed = parseDocumentWith(indicatorSchema, content, file);
  if ("problems" in parsed) return { problems: renderProblems(parsed.problems) };
  const indicator = parsed.value;
  const { scenario, assertions, notYet } = indicator;
  const known = experiments.join(", ");
  if (scenario !== null && !experiments.includes(scenario)) {
    return { problems: say(problems.scenario, { file, found: scenario, known }) };
  }
  if (notYet === null && (scenario === null || assertions.length === 0)) {
    return { problems: say(problems.empty, { file }) };
  }
  return { indicator };
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    throw new WeirError("prove.indicators", `${folder} cannot be read`, { hint: String(error), cause: error });
  }
}
