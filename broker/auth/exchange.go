package auth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/xdg-go/scram"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// What an enhanced authentication is refused with, beside ErrBusy and the errors of a client certificate.
var (
	// ErrMethod is for a method that is not offered.
	ErrMethod = errors.New("authentication method not offered")
	// ErrNotProved does not say whether it was the user name or the proof, nor what was wrong with a message.
	ErrNotProved = errors.New("authentication failed")
)

// maxMessageBytes bounds what a client says in one step. SCRAM's longest has a user name, a nonce and a proof.
const maxMessageBytes = 4096

// generators make SCRAM's conversations for each method.
var generators = map[config.EnhancedMethod]scram.HashGeneratorFcn{
	password.ScramSHA256: scram.SHA256,
	password.ScramSHA512: scram.SHA512,
}

// Exchange is one enhanced authentication under way. MQTT 5 §4.12. It belongs to one goroutine, and costs a few HMACs:
// the work of deriving keys from a password is the client's.
type Exchange struct {
	who   Credentials
	holds holder
	conv  *scram.ServerConversation
	entry string // of the password file; "": the user has none, and the exchange will fail
	also  []also // what the user's other passwords would be proved by
	other func(user, entry string) []also
	token func(data []byte) (*Identity, error) // not nil: the client shows a token, and conv is nil
}

// also is the same conversation with other keys.
type also struct {
	conv  *scram.ServerConversation
	entry string
}

// Begin starts an enhanced authentication of the client with credentials who, whose Password it does not read. The
// error is ErrMethod, ErrBusy or ErrBadCredentials, perhaps wrapped. Where there are no users no method is offered.
func (a *Auth) Begin(method string, who Credentials) (*Exchange, error) {
	p := a.Policy()
	if p.closed {
		return nil, errNotLoaded
	}
	if method == TokenMethod && p.accounts != nil {
		return a.beginToken(p, who)
	}
	m := config.EnhancedMethod(method)
	if !p.users || !slices.Contains(p.methods, m) {
		return nil, fmt.Errorf("%w: %.40q", ErrMethod, method)
	}
	holds, err := p.holder(who)
	if err != nil {
		return nil, err
	}
	x := &Exchange{who: who, holds: holds}
	server, err := generators[m].NewServer(func(user string) (scram.StoredCredentials, error) {
		k, entry := p.scram.Lookup(method, user)
		x.entry = entry
		return scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: string(k.Salt), Iters: k.Iterations}, StoredKey: k.StoredKey, ServerKey: k.ServerKey,
		}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", method, err)
	}
	nonce := rand.Text() // 128 bits and more; the same for all, since the client hears of one
	said := func() string { return nonce }
	x.conv = server.WithNonceGenerator(said).NewConversation()
	x.other = func(user, entry string) []also { return others(p, m, user, entry, said) }
	return x, nil
}

// others are the conversations with the keys of a user that are beside entry.
func others(p *Policy, m config.EnhancedMethod, user, entry string, nonce func() string) []also {
	if entry == "" || !p.passwords.Changing() {
		return nil
	}
	var out []also
	keys, entries := p.scram.Others(user, entry)
	for i, k := range keys {
		server, err := generators[m].NewServer(func(string) (scram.StoredCredentials, error) {
			return scram.StoredCredentials{
				KeyFactors: scram.KeyFactors{Salt: string(k.Salt), Iters: k.Iterations}, StoredKey: k.StoredKey, ServerKey: k.ServerKey,
			}, nil
		})
		if err == nil {
			out = append(out, also{server.WithNonceGenerator(nonce).NewConversation(), entries[i]})
		}
	}
	return out
}

// step has the client's message answered by the conversation that it fits.
func (x *Exchange) step(data string) (string, error) {
	first := x.conv.Username() == ""
	text, err := x.conv.Step(data)
	if first && err == nil {
		x.also = x.other(x.conv.Username(), x.entry)
	}
	for _, a := range x.also {
		answer, failed := a.conv.Step(data)
		if !first && failed == nil && a.conv.Valid() && (err != nil || !x.conv.Valid()) {
			x.conv, x.entry = a.conv, a.entry
			return answer, nil
		}
	}
	return text, err
}

// Step takes what the client says and returns the answer. The client is authenticated, and with the answer told so,
// when the Identity is not nil. A client that has said nothing yet (data is nil) is asked to begin. The error is
// ErrNotProved or ErrBadCredentials, perhaps wrapped; the exchange is over then.
func (x *Exchange) Step(data []byte) (answer []byte, id *Identity, err error) {
	if x.token != nil {
		return x.show(data)
	}
	if data == nil && x.conv.Username() == "" && !x.conv.Done() {
		return []byte{}, nil, nil
	}
	if len(data) > maxMessageBytes {
		return nil, nil, fmt.Errorf("%w: a message of %d bytes", ErrNotProved, len(data))
	}
	text, err := x.step(string(data)) // its errors quote the client
	if err != nil {
		return nil, nil, ErrNotProved
	}
	user := x.conv.Username()
	switch as := x.conv.AuthzID(); {
	case as != "" && as != user:
		return nil, nil, fmt.Errorf("%w: to act for another user is not possible", ErrNotProved)
	case x.who.HasUsername && x.who.Username != user:
		return nil, nil, fmt.Errorf("%w: CONNECT and the exchange have different user names", ErrBadCredentials)
	case x.holds.username != "" && x.holds.username != user:
		return nil, nil, fmt.Errorf("%w: the certificate and the exchange have different user names", ErrBadCredentials)
	case !x.conv.Done():
		return []byte(text), nil, nil
	case !x.conv.Valid() || x.entry == "": // the latter is never the former, unless somebody finds a password of no keys
		return nil, nil, ErrNotProved
	}
	return []byte(text), &Identity{username: user, clientID: x.who.ClientID, line: x.entry, shown: certificate(x.holds.cn)}, nil
}
