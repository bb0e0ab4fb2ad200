// Package console drives the console in Chromium, as a person would, against the dunlin-broker program with traffic that
// a small plant makes: presses that report, a dashboard, a historian that is away, and a press that tries what it may not.
// Beside them there are 100,000 sessions, among which the console's pages and kubectl-mqtt's find what is asked for.
//
// It has tests only; what they do in the browser is console/browser. Without Debian's nodejs and chromium and the packages
// of console/package-lock.json they are skipped, but in CI they fail: `make console-test` installs everything.
// `make screenshots` has the same broker pose for docs/images.
package console
