import { defineConfig } from 'vite'

// Names without hashes: the broker answers with an ETag, and a change of one file is a change of one file in the repository.
export default defineConfig({
  base: './',
  build: {
    outDir: 'build',
    // light-dark() and what else the style sheet uses is left as it is.
    target: ['chrome123', 'firefox121', 'safari17.5'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      checks: { pluginTimings: false },
      output: {
        entryFileNames: 'console.js',
        chunkFileNames: (chunk) => `${chunk.name.split('.')[0]}.js`,
        assetFileNames: 'console[extname]',
      },
    },
  },
})
