// Package report is what the parts of `make bench` have in common: medians, the line on the machine, and a page's generated
// sections. It measures nothing.
package report
