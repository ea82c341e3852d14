/** Every rule of the house that is a search over the project's text, by name, with what to do about a breach. */
import { hotRules } from "./hot.ts";
import { layerRules } from "./layers.ts";
import { type Breach, functionsOf, matches, paths, type SourceFile, sources } from "./source.ts";

export interface Rule {
  /** A sentence about the project: the name of the test. */
  readonly name: string;
  readonly advice: string;
  find(): Breach[];
}

const FILE_LINES_MAX = 400;
const FILE_LINES_STEP = 50;
const FUNCTION_LINES_MAX = 70;
const SLEEP_MS_MAX = 20;

const ours = sources.filter(({ path }) => /^(src|test|bench|docs)\//.test(path));
const product = sources.filter(({ path }) => path.startsWith("src/"));
const tests = ours.filter(({ path }) => path.endsWith(".test.ts"));
/** The rules themselves name what they forbid. */
const others = ours.filter(({ path }) => !path.startsWith("test/tidy/"));

function forEach(files: readonly SourceFile[], find: (file: SourceFile) => Breach[]): () => Breach[] {
  return () => files.flatMap(find);
}

function lineBreaches(file: SourceFile, pattern: RegExp, why: string): Breach[] {
  return file.lines.flatMap((text, index) => (pattern.test(text) ? [{ path: file.path, line: index + 1, why }] : []));
}

const names: readonly Rule[] = [
  {
    name: "files and folders are named in kebab-case",
    advice: "rename it, e.g. fileName.ts to file-name.ts",
    find: () =>
      ours.flatMap(({ path }) => {
        const isSound = path.split("/").every((part) => /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*$/.test(part));
        return isSound ? [] : [{ path, line: 1, why: "is not kebab-case" }];
      }),
  },
  {
    name: "no file or folder has a name that says nothing",
    advice: "name it after the one thing it holds instead of util, helpers, common, misc",
    find: () =>
      paths.flatMap((path) =>
        /(^|[/.-])(utils?|helpers?|common|misc|shared|stuff)([/.-]|$)/.test(path) && /^(src|test|bench)\//.test(path)
          ? [{ path, line: 1, why: "could hold anything" }]
          : [],
      ),
  },
];

const language: readonly Rule[] = [
  {
    name: "nothing is exported by default",
    advice: "export it by name",
    find: forEach(ours, (file) => matches(file, /\bexport default\b|\bas default\b/g, "default export")),
  },
  {
    name: "nothing is any",
    advice: "use unknown and narrow it, or the type itself",
    find: forEach(ours, (file) => matches(file, /(?:[:<|&,]|\bas|=>) any\b(?=[\s;,)>\]|&=[]|$)|<any>/gm, "any")),
  },
  {
    name: "no line hides a type error",
    advice: "mend the type; a cast says why in a comment",
    find: forEach(others, (file) => lineBreaches(file, /@ts-(ignore|nocheck|expect-error)/, "hides a type error")),
  },
  {
    name: "no work is left as a note in the code",
    advice: "do it, or open an issue",
    find: forEach(others, (file) => lineBreaches(file, /\b(TODO|FIXME|XXX|HACK)\b/, "a note of work to do")),
  },
];

const shape: readonly Rule[] = [
  {
    name: `no file of src is longer than ${FILE_LINES_MAX} lines`,
    advice: "split it along its nouns",
    // Every fifty lines too many count once, so that a listed file cannot grow for long.
    find: forEach(product, (file) => {
      const count = Math.ceil(Math.max(0, file.lines.length - 1 - FILE_LINES_MAX) / FILE_LINES_STEP);
      const why = `has ${file.lines.length - 1} lines`;
      return Array.from({ length: count }, () => ({ path: file.path, line: FILE_LINES_MAX + 1, why }));
    }),
  },
  {
    name: `no function is longer than ${FUNCTION_LINES_MAX} lines`,
    advice: "keep the branches and state, and move straight parts to functions of their own",
    find: forEach(others, (file) =>
      functionsOf(file).flatMap(({ name, line, endLine }) => {
        const length = endLine - line + 1;
        return length <= FUNCTION_LINES_MAX ? [] : [{ path: file.path, line, why: `${name} has ${length} lines` }];
      }),
    ),
  },
  {
    name: "every file opens with a comment that says what it is for",
    advice: "say what it is for, what it trades away, and its limits",
    find: () =>
      ours.flatMap(({ path, text }) =>
        path.endsWith(".test.ts") || /^(#![^\n]*\n)?\s*(\/\*|\/\/)/.test(text)
          ? []
          : [{ path, line: 1, why: "opens without a comment" }],
      ),
  },
];

const conduct: readonly Rule[] = [
  {
    name: "no test is left out and none runs alone",
    advice: "remove .only, .skip and .todo; a test whose component is missing fails",
    find: forEach(tests, (file) =>
      matches(file, /\b(?:test|it|describe)\.(?:only|skip|todo|skipIf|todoIf)\b/g, "not every test runs"),
    ),
  },
  {
    name: `no test sleeps longer than ${SLEEP_MS_MAX} ms`,
    advice: "await the condition instead of a time; a polling loop may sleep shortly between two looks",
    find: forEach(tests, (file) =>
      [...file.code.matchAll(/(?:\bsleep(?:Sync)?\(|setTimeout\([^;{}]*?, )([\d_.]+)\)/g)].flatMap((match) =>
        Number(match[1]!.replaceAll("_", "")) <= SLEEP_MS_MAX
          ? []
          : [
              {
                path: file.path,
                line: file.code.slice(0, match.index).split("\n").length,
                why: `sleeps ${match[1]} ms`,
              },
            ],
      ),
    ),
  },
  {
    name: "no tracked file names a place on somebody's machine",
    advice: "use a folder of the test's own (mkdtempSync in tmpdir()), or a path from the root of the project",
    find: () =>
      ours.flatMap((file) => lineBreaches(file, /["'`( ]\/(?:work|root|home\/\w+)\//, "a path of one machine")),
  },
  {
    name: "tests make their folders in the machine's own temporary folder",
    advice: "mkdtempSync(join(tmpdir(), ...)): the folder is where TMPDIR says",
    find: forEach(others, (file) => lineBreaches(file, /["'`]\/tmp\//, "names /tmp")),
  },
  {
    name: "time and chance enter through base alone",
    advice: "take a Clock or a Random from base as an argument",
    find: forEach(
      product.filter(({ path }) => !path.startsWith("src/base/")),
      (file) =>
        matches(
          file,
          /\bDate\.now\b|\bperformance\.now\b|\bMath\.random\b|\bBun\.nanoseconds\b|\bhrtime\b|\bgetRandomValues\b|\brandomBytes\b|\brandomUUID\b|\bnew Date\(\)/g,
          "reads the clock or draws by itself",
        ),
    ),
  },
  {
    name: "every benchmark runs small under the tests",
    advice: "add a test beside it that runs it small, so that it cannot rot",
    find: () =>
      paths.flatMap((path) =>
        !/^bench\/.*\.bench\.ts$/.test(path) || paths.includes(path.replace(/\.ts$/, ".test.ts"))
          ? []
          : [{ path, line: 1, why: "has no test" }],
      ),
  },
];

export const rules: readonly Rule[] = [...layerRules, ...names, ...language, ...shape, ...hotRules, ...conduct];
