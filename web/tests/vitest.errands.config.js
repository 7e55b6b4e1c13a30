// What is measured or made on demand with the same rig: `npm run measure -w tests`, `npm run screenshots -w tests`.
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["errands/*.ts"],
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 300_000,
    reporters: ["verbose"],
  },
});
