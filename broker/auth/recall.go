package auth

import "github.com/dunlin-mqtt/dunlin/broker/token"

// Recall is the identity of a client that is away: it authenticated once, and its session goes on.
// It is good for as long as the user exists, whatever becomes of the password: that matters when
// the client comes back.
func Recall(clientID, username string, anonymous bool) *Identity {
	id := &Identity{username: username, clientID: clientID, anonymous: anonymous, away: true}
	_, _, named := token.Parse(username)
	id.account = named && !anonymous // nobody else can have had that user name
	return id
}

// Away is id without its connection, as Recall makes it.
func (id *Identity) Away() *Identity {
	away := Recall(id.clientID, id.username, id.anonymous)
	away.shown = certificate(id.shown.commonName())
	return away
}
