// Package screen shows things to people and to programs: tables, colours, JSON and YAML, and a view that is drawn anew in place.
//
// Colours and redrawing are for a terminal alone, and colours not with NO_COLOR. What comes from clients (identifiers, topics,
// payloads) is made harmless before a terminal sees it. It knows nothing of brokers; the commands call it.
package screen
