// Package topic holds what MQTT says about topic names and topic filters (MQTT 5 §4.7), and the two indexes
// that the broker needs over them: Filters (a name finds its subscriptions) and Names (a filter finds the
// names that have a retained message).
//
// It never normalizes a name or a filter [MQTT-4.7.3-4], knows no session, message or permission, and does no I/O.
// Callers: server (routing, retained messages), auth (Match, Covers, Overlaps), render and the CLI (validation).
//
// Levels are what stands between '/' characters; a level may be empty, so "/" has two. Whoever passes a name
// or filter to anything but ValidName, ValidFilter and ParseShare has validated it before; an invalid one
// makes nothing crash, but what it matches is then unspecified. The prefix of a shared subscription
// ($share/group/) is not part of a filter here: strip it with ParseShare first.
package topic
