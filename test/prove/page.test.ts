/**
 * The report's page in a real browser: in both languages, light and dark, and on paper. What it looked like is kept in
 * `test/artefacts/prove/`, for people to look at; that it asks nobody for anything is checked here.
 */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { setLanguage } from "../../src/base/mod.ts";
import { reportHtml } from "../../src/prove/mod.ts";
import { exampleReport } from "./fixture.ts";

const browserPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const artefacts = join(import.meta.dir, "../artefacts/prove");
const folder = mkdtempSync(join(tmpdir(), "weir-page-"));
afterAll(() => {
  setLanguage("en");
  rmSync(folder, { recursive: true, force: true });
});

async function writePage(to: "en" | "zh"): Promise<string> {
  setLanguage(to);
  const file = join(folder, `${to}.html`);
  writeFileSync(file, await reportHtml(exampleReport));
  setLanguage("en");
  return file;
}

test("the page holds everything it needs, and escapes what it shows", async () => {
  const html = readFileSync(await writePage("en"), "utf8");
  expect(html.match(/<(script|link|img|iframe|object|embed)\b|@import|url\((?!#)/gi)).toBeNull();
  // Plots clip by names within the page; each name must be there once.
  const clips = [...html.matchAll(/<clipPath id="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(clips).size).toBe(clips.length);
  // Names of namespaces are no requests.
  expect(html.replaceAll(/xmlns(:\w+)?="[^"]*"/g, "").match(/https?:\/\//g)).toBeNull();
  expect(html).toContain("&#60;with&#62;");
  expect(html.match(/<svg /g)?.length).toBe(3);
  expect(html.match(/#(0[147a]0[258b]0[369c]|10000[1-5])/i)).toBeNull();
});

test("it shows in both languages, light, dark and on paper, without a request", async () => {
  if (browserPath === undefined) throw new Error("Chromium is not installed");
  mkdirSync(artefacts, { recursive: true });
  const files = { en: await writePage("en"), zh: await writePage("zh") };
  const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    for (const [to, scheme] of [
      ["en", "light"],
      ["zh", "dark"],
    ] as const) {
      const page = await browser.newPage({ viewport: { width: 1100, height: 900 }, colorScheme: scheme });
      const requests: string[] = [];
      page.on("request", (request) => requests.push(request.url()));
      await page.goto(`file://${files[to]}`);
      expect(requests).toEqual([`file://${files[to]}`]);
      const overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
      expect(overflow).toBeLessThanOrEqual(0);
      writeFileSync(join(artefacts, `${to}-${scheme}.png`), await page.screenshot({ fullPage: true }));
      const pdf = await page.pdf({ format: "A4", printBackground: true });
      expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
      writeFileSync(join(artefacts, `${to}.pdf`), pdf);
      await page.close();
    }
  } finally {
    await browser.close();
  }
}, 60_000);
