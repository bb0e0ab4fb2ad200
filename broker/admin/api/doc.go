// Package api is the vocabulary of the admin API: the bodies of its requests and answers, as JSON. It has no behaviour
// and imports nothing of the broker, so that what calls the API can share it. Package admin serves it.
//
// Times are RFC 3339 with milliseconds and in UTC, durations are whole seconds unless the name says otherwise, sizes are
// bytes, payloads are base64. Lists come in pages: Page.Next, given as ?after=, continues them; ?limit= is 100 unless given, and at most 1000.
package api
