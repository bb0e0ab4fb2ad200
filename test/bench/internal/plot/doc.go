// Package plot draws bars and lines as SVG, on logarithmic scales, with colours that are readable on light and on dark.
// It knows nothing of what the numbers mean. Only test/bench calls it.
package plot
