// Package manual writes the reference of all commands from what they say of themselves: a page of Markdown, and man pages.
//
// It knows nothing of what commands do. The hidden command reference calls it, and make generate and make man that.
package manual
