// Builds the dashboard as one page without a network: node build.mjs RESULTS_DIR OUT.html
// Its packages are looked for where the command runs: scripts/dashboard.sh installs them in the build folder.
import { readFileSync, readdirSync, writeFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [results, out] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const packages = resolve("node_modules");
const esbuild = createRequire(pathToFileURL(join(process.cwd(), "package.json")))("esbuild");

const files = readdirSync(results).filter((name) => name.endsWith(".json")).sort();
const data = files.map((name) => JSON.parse(readFileSync(join(results, name), "utf8")));
for (const [i, result] of data.entries()) {
  if (result.schema !== 1) throw new Error(`${files[i]}: a result of schema ${result.schema}, not 1 (bench/README.md)`);
}
data.sort((a, b) => (a.date < b.date ? -1 : 1));

const bundle = async (options) => {
  const built = await esbuild.build({ bundle: true, minify: true, write: false, nodePaths: [packages], logLevel: "error", ...options });
  return built.outputFiles[0].text;
};
const script = await bundle({ entryPoints: [join(here, "src/main.js")], format: "iife", target: "es2020", legalComments: "none" });
const style = await bundle({ entryPoints: [join(here, "src/style.css")] });

// Inside a script element "</" would end it and "<!--" would begin a comment.
const inScript = (text) => text.replaceAll("</", "<\\/").replaceAll("<!--", "<\\!--");
const page = readFileSync(join(here, "src/page.html"), "utf8")
  .replace("/*STYLE*/", () => style)
  .replace("/*DATA*/", () => inScript(JSON.stringify(data)))
  .replace("/*SCRIPT*/", () => inScript(script));
mkdirSync(dirname(resolve(out)), { recursive: true });
writeFileSync(out, page);
console.log(`${out}: ${data.length} result${data.length === 1 ? "" : "s"}, ${Math.round(page.length / 1024)} KiB`);
