package auth

// Recall is the identity of a client that is away: it authenticated once, and its session goes on.
// It is good for as long as the user exists, whatever becomes of the password: that matters when
// the client comes back.
func Recall(clientID, username string, anonymous bool) *Identity {
	return &Identity{username: username, clientID: clientID, anonymous: anonymous, away: true}
}

// Away is id without its connection, as Recall makes it.
func (id *Identity) Away() *Identity {
	away := Recall(id.clientID, id.username, id.anonymous)
	away.cn = id.cn
	return away
}
