// Builds src/ into static/build/: hashed names, a gzip twin of each text file, and manifest.json (logical name → file).
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "static", "build");
const staging = join(here, "static", `.build-${process.pid}`);
const swagger = join(here, "node_modules", "swagger-ui-dist");

const manifest = {};
const sizes = [];

async function put(logicalName, bytes) {
  const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const extension = extname(logicalName);
  const name = `${basename(logicalName, extension)}-${digest}${extension}`;
  const zipped = gzipSync(bytes, { level: 9 });
  await writeFile(join(staging, name), bytes);
  await writeFile(join(staging, `${name}.gz`), zipped);
  manifest[logicalName] = name;
  sizes.push([logicalName, bytes.length, zipped.length]);
}

await rm(staging, { recursive: true, force: true });
await mkdir(staging, { recursive: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: {
    page: "src/main.ts",
    till: "src/till/main.ts",
    group: "src/group/main.ts",
    merchant: "src/merchant/main.ts",
    areas: "src/areas/main.ts",
    statements: "src/statements/main.ts",
    operator: "src/operator/main.ts",
    docs: "src/docs.ts",
  },
  outdir: staging,
  bundle: true,
  format: "esm",
  minify: true,
  target: ["es2022", "chrome109", "safari16", "firefox115"],
  legalComments: "eof",
  write: false,
});
for (const file of result.outputFiles) await put(basename(file.path), file.contents);

// Swagger UI comes as a finished bundle; it is copied, not built again.
await put("swagger-ui.js", await readFile(join(swagger, "swagger-ui-bundle.js")));
await put("swagger-ui.css", await readFile(join(swagger, "swagger-ui.css")));
for (const name of ["LICENSE", "NOTICE"]) {
  await writeFile(join(staging, `swagger-ui.${name}.txt`), await readFile(join(swagger, name)));
}

await writeFile(join(staging, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
await rm(target, { recursive: true, force: true });
await rename(staging, target);

for (const [name, bytes, zipped] of sizes) {
  console.log(`${name.padEnd(16)} ${(bytes / 1000).toFixed(1).padStart(8)} kB ${(zipped / 1000).toFixed(1).padStart(8)} kB gz`);
}
