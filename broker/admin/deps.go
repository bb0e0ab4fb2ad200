package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// Deps is what there is to tell, and to do. What is nil is not served, but for the functions that say so.
type Deps struct {
	// Ready says why the broker does not serve; nil: it does. Never nil itself.
	Ready func() error
	// AuthRevision is the revision of the users and access rules in force. Never nil.
	AuthRevision func() string
	// ClientTrust identifies what client certificates are verified by. nil: nothing.
	ClientTrust func() string
	// ConfigRevision is the revision of the configuration in force. nil: it has none.
	ConfigRevision func() string
	// PreviousPasswords lists connections that were made with a password of before, at most limit. nil: nothing does.
	PreviousPasswords func(limit int) []api.PreviousPassword
	// Version is the broker's.
	Version string
	// Backup writes what the store keeps to w. nil: it keeps nothing.
	Backup func(ctx context.Context, w io.Writer) error
	// Restore reads what Backup wrote and has it take the place of what the store keeps when the broker starts the
	// next time, which it is to do soon after Restore has returned. After an error nothing has changed. nil: the store
	// keeps nothing.
	Restore func(ctx context.Context, r io.Reader) error
	// Metrics are shown to everybody who reaches the health address. nil: there are none.
	Metrics http.Handler
	// Console is what the admin port serves outside of /v1/ and /metrics, to everybody. nil: nothing.
	Console http.Handler

	Broker  Broker
	Clients Clients
	Topics  Topics
	Access  Access
	Tracer  Tracer
	// SignIn lets users in by name and password, where the configuration names their groups.
	SignIn SignIn
	// Audit is told of every call. nil: a line is logged of each.
	Audit Audit
	Log   *slog.Logger
}

// What the functions of Deps fail with, perhaps wrapped, where the caller is to be told more than that something is wrong.
var (
	ErrNotFound    = errors.New("not found")                   // 404
	ErrInvalid     = errors.New("not valid")                   // 400
	ErrConflict    = errors.New("not possible as things are")  // 409
	ErrUnavailable = errors.New("not available for now")       // 503
	ErrTooMany     = errors.New("too many of these under way") // 429
)

// What SignIn fails with, perhaps wrapped.
var (
	ErrCredentials = errors.New("wrong user name or password") // 401
	ErrHeldBack    = errors.New("too many wrong passwords")    // 429
)

// Broker is the broker as a whole.
type Broker interface {
	// Overview says what the broker is like. Version, Instance and Problems of it are filled in by the caller.
	Overview() Facts
}

// Clients are the sessions and their connections.
type Clients interface {
	// Clients is a page of those that fit q, by identifier, and how many fit.
	Clients(q ClientQuery) api.Page[api.Client]
	Client(id string) (api.ClientDetail, error)
	// Subscriptions is a page of a client's, by filter.
	Subscriptions(id string, r Range) (api.Page[api.Subscription], error)
	// Disconnect ends a client's connection (0x98), and its session if it is told so.
	Disconnect(ctx context.Context, id string, session bool) error
}

// Topics are the topics that the broker knows, and the retained messages.
type Topics interface {
	// Topics is a page of the levels that follow prefix: "", or a topic and a slash.
	Topics(prefix string, r Range) (api.Page[api.TopicNode], error)
	// RetainedMessages is a page of those whose topics a filter matches, without their payloads.
	RetainedMessages(filter string, r Range) (api.Page[api.Retained], error)
	RetainedMessage(topic string) (api.Retained, error)
	ClearRetained(ctx context.Context, topic string) error
}

// Access is who may do what.
type Access interface {
	Users(search string, r Range) api.Page[api.User]
	Decide(q AccessQuery) (api.Decision, error)
	Rules(r Range) (api.Page[api.Rule], error)
	Denials(r Range) (api.Page[api.Denial], error)
}

// Tracer shows packets as they come and go.
type Tracer interface {
	// Trace begins to show what fits q, until it is stopped.
	Trace(q TraceQuery) (Trace, error)
}

// Trace is a trace under way.
type Trace interface {
	// Events are what there is to see. What nobody takes in time is left out, and counted in Missed of the next.
	Events() <-chan api.Event
	// Stop ends it. It may be called once.
	Stop()
}

// SignIn lets users in.
type SignIn interface {
	// SignIn says which groups the user is in that has this password. The error is ErrCredentials, ErrHeldBack,
	// ErrUnavailable or that of ctx, perhaps wrapped.
	SignIn(ctx context.Context, user, password string, from netip.Prefix) (groups []string, err error)
}

// Range is a part of a list: at most Limit, from 1 to 1000, behind the one that After is the cursor of ("": from the first).
type Range struct {
	After string
	Limit int
}

// ClientQuery says which clients: those that fit all that is set.
type ClientQuery struct {
	Range
	Search    string // a part of identifier, user name or address
	User      string
	Listener  string
	Connected *bool
}

// AccessQuery asks whether a client may do something.
type AccessQuery struct {
	User     string // "": an anonymous one
	ClientID string
	Publish  bool // else subscribe
	Topic    string
}

// TraceQuery says which packets: those that fit all that is set.
type TraceQuery struct {
	Client  string
	User    string
	Topic   string // a filter
	Payload bool   // show the beginning of payloads
}
