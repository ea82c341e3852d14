/** What came of a reload, a restart or a drain, in a form that the admin interface sends and the command line prints. */
import { WeirError } from "../base/mod.ts";
import { type Problem, renderProblems, sayProblem } from "../config/mod.ts";

export type OperationName = "start" | "reload" | "restart" | "drain";

/** One reason why an operation was refused, in the language of the supervisor. Lines begin with 1; 0 means no place. */
export interface ProblemReport {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** All of it for people, with the offending line. */
  readonly text: string;
}

export interface OperationResult {
  readonly operation: OperationName;
  readonly ok: boolean;
  /** False where there was nothing to do: the configuration is the one in force. */
  readonly changed: boolean;
  /** Of the configuration in force afterwards. */
  readonly revision: number;
  /** Of the workers that serve afterwards. */
  readonly generation: number;
  readonly tookMs: number;
  readonly at: string;
  /** Empty when ok. */
  readonly problems: readonly ProblemReport[];
}

/** One mistake in a generated file can make thousands: more than this nobody reads. */
const problemsMax = 200;

/** Any number of reasons, thrown so that they leave an operation together. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly problems: readonly ProblemReport[];

  constructor(problems: readonly ProblemReport[]) {
    super(problems.map((problem) => problem.message).join("\n"));
    this.problems = problems;
  }
}

export function refusalOf(problems: readonly Problem[]): Refusal {
  return new Refusal(
    problems.slice(0, problemsMax).map((problem): ProblemReport => {
      const { code, file, line, column } = problem;
      const { message, hint } = sayProblem(problem);
      return { code, message, hint: hint ?? "", file, line, column, text: renderProblems([problem]) };
    }),
  );
}

/** The reasons in an error; a bug is thrown on. */
export function problemsIn(error: unknown): readonly ProblemReport[] {
  if (error instanceof Refusal) return error.problems;
  if (!(error instanceof WeirError)) throw error;
  const { code, message, hint } = error;
  const text = hint === "" ? `${message} [${code}]` : `${message} [${code}]\n    ${hint}`;
  return [{ code, message, hint, file: "", line: 0, column: 0, text }];
}
