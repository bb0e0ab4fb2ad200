package metrics

import (
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/histogram"
)

// Source is the broker that is measured.
type Source interface {
	// Metrics is what there is to tell now. It may be called by several goroutines at a time.
	Metrics() Snapshot
}

// The reasons why a message did not get to a session that should have had it.
const (
	DroppedQueueFull  = "queue_full"  // the session's queue, or all queues together
	DroppedOutboxFull = "outbox_full" // the connection's, at QoS 0
	DroppedExpired    = "expired"     // before it was sent
	DroppedTooLarge   = "too_large"   // for the client's Maximum Packet Size
	DroppedRefused    = "refused"     // its publisher was told so
	DroppedNoMember   = "no_member"   // no member of a shared subscription could take it
)

// reasons are always shown, at 0 as well, so that a rate can be taken from the first drop on.
var reasons = []string{DroppedQueueFull, DroppedOutboxFull, DroppedExpired, DroppedTooLarge, DroppedRefused, DroppedNoMember}

// Traffic is what went one way.
type Traffic struct {
	Packets      map[string]uint64 // by packet type as the standard writes it, in small letters
	Bytes        uint64            // of all packets
	PayloadBytes uint64            // of the messages in them
}

// publish is the type of the packets that have messages.
const publish = "publish"

// Clients are the connections that came through one listener and speak one version of MQTT.
type Clients struct {
	Listener, Version string
	Open              int64
	Total             uint64 // that were let in since the broker started
}

// Expiry is the end of something in a file.
type Expiry struct {
	Listener string
	Kind     string // certificate, client_ca, revocation_list
	Path     string
	At       time.Time
}

// Snapshot is the values of all metrics at one moment. The uint64 ones count since the broker started.
type Snapshot struct {
	StoreUp        bool               // the last write succeeded and there is room
	StoreWrites    uint64             // that became durable
	StoreRecords   uint64             // in them
	StoreBytes     uint64             // of them
	StoreSyncs     histogram.Snapshot // that were waited for
	StoreCommits   histogram.Snapshot // batches, from their first write on
	StoreDiskBytes uint64             // on the disk now

	Sessions       int64 // of clients that are connected and of those that are not
	Subscriptions  int64
	Retained       int64 // messages
	QueuedMessages int64 // that wait for sessions
	QueuedBytes    int64 // of them
	Connections    int64 // MQTT's, open now
	// PreviousPasswords is how many of those were made with a password that another has taken the place of.
	PreviousPasswords int64

	SharedSubscriptions int64 // among Subscriptions

	Version          string
	Uptime           time.Duration // since the broker was made
	Received, Sent   Traffic
	Sockets          uint64 // connections that were accepted
	Connected        int64  // sessions that have a connection
	ConnectedMaximum int64  // the most of them at a time
	SessionsExpired  uint64 // because their client stayed away

	Throttled             int64  // clients that are not read from, since they publish too fast
	ThrottledTotal        uint64 // times that one was
	FailedAuthentications uint64 // CONNECTs with a wrong user name or password

	// Refused are connections that were not let in, by reason.
	Refused map[string]uint64
	// Bans are those in force, and BansTotal those that there have been, by kind: a client, an address.
	Bans      map[string]int64
	BansTotal map[string]uint64

	// AuthFailures are clients that could not authenticate, by reason.
	AuthFailures map[string]uint64
	// Denials are what access rules denied, by action: publish, subscribe, will.
	Denials map[string]uint64
	// AuditedDenials are what they would have denied, were they enforced, by action: also receive.
	AuditedDenials map[string]uint64
	// AuthRevision, AuthUsers and AuthFailed say what is in force, and whether something newer cannot be.
	AuthRevision string
	AuthUsers    int
	AuthFailed   bool

	// Audit is entries of the audit log, by what became of them.
	Audit map[string]uint64

	// Clients are connections by listener and protocol version.
	Clients []Clients
	// Handshakes are TLS handshakes that failed, by listener.
	Handshakes map[string]uint64
	// Expiries are the ends of certificates and the like.
	Expiries []Expiry

	// PublishDurations are how long PUBLISH packets took, by path: memory, store.
	PublishDurations map[string]histogram.Snapshot

	// Dropped are messages that did not reach a session, by reason: one of the constants above.
	Dropped map[string]uint64
}
