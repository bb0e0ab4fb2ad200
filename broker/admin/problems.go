package admin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// Facts are what an overview says, and what its problems are found by.
type Facts struct {
	api.Overview

	NotReady    string // why the broker does not serve; "": it does
	AuthFailure string // why users and access rules cannot be loaded; "": they can
	AuthLoaded  bool   // some are in force

	StoreFailure string // why the last write failed; "": it did not
	DiskBytes    uint64 // that the disk has, or that the store may take, if that is less; 0: not known

	Throttled       int64 // clients that are not read from, since they publish too fast
	BannedClients   int64
	BannedAddresses int64

	FailedHandshakes uint64 // of TLS, of all listeners

	QueuedBytesLimit int64 // of all queues together; 0: none
	ConnectionsLimit int64 // 0: none

	// Before is what the counters were some time ago. Its Time is zero if that is not known.
	Before Counters
}

// Counters are some of an overview's, at an earlier time.
type Counters struct {
	Time                  time.Time
	Dropped               map[string]uint64
	Refused               map[string]uint64
	FailedAuthentications uint64
	FailedHandshakes      uint64
	Denied                uint64
}

// What is worth a word.
const (
	diskNearlyFull   = 0.10 // of the disk is free
	nearly           = 0.90 // of a limit is used
	expiresSoon      = 7 * 24 * time.Hour
	manyFailures     = 10 // wrong credentials, or things that access rules denied, in the time since Before
	memoryNearlyFull = 0.95
)

// The severities, the worst first.
const (
	isError   = "Error"
	isWarning = "Warning"
)

// problem looks whether something is wrong.
type problem func(f *Facts) []api.Problem

var lookFor = []problem{
	authNotLoaded, storeUnhealthy, notReady, certificates, diskSpace, authStale, memorySpace, queueSpace, connectionSpace,
	dropsGoOn, refusalsGoOn, failuresGoOn, handshakesFail, denialsGoOn, bansInForce, clientsThrottled,
}

// problems are what is wrong, the worst first; empty, not nil: nothing.
func problems(f *Facts) []api.Problem {
	found := []api.Problem{}
	for _, look := range lookFor {
		found = append(found, look(f)...)
	}
	slices.SortStableFunc(found, func(a, b api.Problem) int { return strings.Compare(a.Severity, b.Severity) }) // Error, Warning
	return found
}

func one(severity, reason, message, remedy string) []api.Problem {
	return []api.Problem{{Severity: severity, Reason: reason, Message: message, Remedy: remedy}}
}

func authNotLoaded(f *Facts) []api.Problem {
	if f.AuthLoaded {
		return nil
	}
	why := ""
	if f.AuthFailure != "" {
		why = ": " + f.AuthFailure
	}
	return one(isError, "AuthNotLoaded", "users and access rules have not been loaded, so every client is refused"+why,
		"see that the files of authFiles are there and whole; in Kubernetes the operator writes them: look at the Broker's conditions")
}

func authStale(f *Facts) []api.Problem {
	if !f.AuthLoaded || f.AuthFailure == "" {
		return nil
	}
	return one(isWarning, "AuthNotReloaded", "changed users and access rules cannot be loaded, the former ones stay in force: "+f.AuthFailure,
		"correct the file that is named; the broker looks again when it changes")
}

func storeUnhealthy(f *Facts) []api.Problem {
	if f.Store == nil || f.Store.Healthy {
		return nil
	}
	return one(isError, "StoreUnhealthy", "the store does not take writes, so QoS 1 and 2 messages are refused: "+f.StoreFailure,
		"make room on the disk, or give the store a larger volume; an I/O error in the log says that the disk itself fails")
}

func notReady(f *Facts) []api.Problem {
	if f.NotReady == "" || !f.AuthLoaded || f.Store != nil && !f.Store.Healthy { // said already
		return nil
	}
	return one(isError, "NotReady", "the broker does not serve yet: "+f.NotReady, "wait until it has started; the log says what it does")
}

func certificates(f *Facts) (found []api.Problem) {
	for _, l := range f.Listeners {
		if l.CertificateExpires == nil {
			continue
		}
		remedy := "renew the certificate of listener " + l.Name + ": the broker takes the new files at once; " +
			"in Kubernetes the operator does so, or whoever fills the Secret"
		switch left := l.CertificateExpires.Sub(f.Time); {
		case left <= 0:
			found = append(found, one(isError, "CertificateExpired",
				fmt.Sprintf("the certificate of listener %s expired at %s: clients refuse it", l.Name, l.CertificateExpires.UTC().Format(time.RFC3339)), remedy)...)
		case left < expiresSoon:
			found = append(found, one(isWarning, "CertificateExpiring",
				fmt.Sprintf("the certificate of listener %s expires in %s, at %s", l.Name, left.Round(time.Hour), l.CertificateExpires.UTC().Format(time.RFC3339)), remedy)...)
		}
	}
	return found
}

func diskSpace(f *Facts) []api.Problem {
	if f.Store == nil || f.DiskBytes == 0 || float64(f.Store.DiskFreeBytes) >= diskNearlyFull*float64(f.DiskBytes) {
		return nil
	}
	return one(isWarning, "DiskNearlyFull",
		fmt.Sprintf("%d MiB are left of the %d MiB that the store may take: when they are used up, QoS 1 and 2 messages are refused",
			f.Store.DiskFreeBytes>>20, f.DiskBytes>>20),
		"enlarge the volume or store.maxBytes, end sessions that nobody comes back to, or lower mqtt.maxQueuedBytes")
}

func memorySpace(f *Facts) []api.Problem {
	if f.MemoryLimitBytes == 0 || float64(f.MemoryBytes) < memoryNearlyFull*float64(f.MemoryLimitBytes) {
		return nil
	}
	return one(isWarning, "MemoryNearlyFull", fmt.Sprintf("the process has %d MiB of the %d MiB that it may have", f.MemoryBytes>>20, f.MemoryLimitBytes>>20),
		"give the broker more memory, or lower limits.maxConnections and mqtt.maxQueuedBytesTotal")
}

func queueSpace(f *Facts) []api.Problem {
	if f.QueuedBytesLimit == 0 || float64(f.QueuedBytes) < nearly*float64(f.QueuedBytesLimit) {
		return nil
	}
	return one(isWarning, "QueuesNearlyFull",
		fmt.Sprintf("%d MiB wait for sessions, of %d MiB at most: beyond that messages are dropped or refused", f.QueuedBytes>>20, f.QueuedBytesLimit>>20),
		"find the sessions with the longest queues among the clients that are away and end them, or raise mqtt.maxQueuedBytesTotal")
}

func connectionSpace(f *Facts) []api.Problem {
	if f.ConnectionsLimit == 0 || float64(f.Connections) < nearly*float64(f.ConnectionsLimit) {
		return nil
	}
	return one(isWarning, "ConnectionsNearlyFull", fmt.Sprintf("%d of %d connections are open: further ones are refused", f.Connections, f.ConnectionsLimit),
		"raise limits.maxConnections, or find out who holds so many")
}

// why each reason for a drop, and what to do.
var dropped = map[string][2]string{
	"queue_full":  {"the queue of a session was full", "find the clients that are away or slow, end their sessions, or raise mqtt.maxQueuedMessages and maxQueuedBytes"},
	"outbox_full": {"a client did not read fast enough for QoS 0", "find the clients with a large outbox; raise mqtt.maxOutboundBytes, or have them subscribe with QoS 1"},
	"too_large":   {"it was larger than a client takes", "have that client raise its Maximum Packet Size, or publish smaller messages"},
	"no_member":   {"no member of a shared subscription could take it", "see that a member of the group is connected and may receive the topic"},
	"refused":     {"a queue was full and the policy is to refuse", "find the clients that are away or slow, or raise mqtt.maxQueuedMessages and maxQueuedBytes"},
}

func dropsGoOn(f *Facts) (found []api.Problem) {
	for _, reason := range slices.Sorted(maps.Keys(f.Dropped)) {
		n := f.Dropped[reason] - f.Before.Dropped[reason]
		why, ok := dropped[reason]
		if f.Before.Time.IsZero() || n == 0 || !ok { // what has expired was meant to
			continue
		}
		found = append(found, one(isWarning, "MessagesDropped",
			fmt.Sprintf("%d messages were dropped in the last %s: %s", n, f.since(), why[0]), why[1])...)
	}
	return found
}

func refusalsGoOn(f *Facts) []api.Problem {
	n := uint64(0)
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(f.Refused)) {
		if more := f.Refused[reason] - f.Before.Refused[reason]; more > 0 {
			n += more
			reasons = append(reasons, reason)
		}
	}
	if n == 0 || f.Before.Time.IsZero() {
		return nil
	}
	return one(isWarning, "ConnectionsRefused", fmt.Sprintf("%d connections were refused in the last %s: %s", n, f.since(), strings.Join(reasons, ", ")),
		"docs/limits.md says which limit each reason is; raise it, or find out who connects so often")
}

// many is how much a counter of failures has grown since Before, and whether that is worth a word.
func (f *Facts) many(now, before uint64) (n uint64, many bool) {
	n = now - before
	return n, !f.Before.Time.IsZero() && n >= manyFailures
}

func failuresGoOn(f *Facts) []api.Problem {
	n, many := f.many(f.FailedAuthentications, f.Before.FailedAuthentications)
	if !many {
		return nil
	}
	return one(isWarning, "AuthenticationsFail", fmt.Sprintf("%d connections came with wrong credentials in the last %s", n, f.since()),
		"the last denials say whose, and from where (kubectl mqtt acl denials; Access in the console): correct the client's password, or set limits.failedAuthentications to ban who guesses")
}

func handshakesFail(f *Facts) []api.Problem {
	n, many := f.many(f.FailedHandshakes, f.Before.FailedHandshakes)
	if !many {
		return nil
	}
	return one(isWarning, "HandshakesFail", fmt.Sprintf("%d TLS handshakes failed in the last %s", n, f.since()),
		"the last denials say why, and from where (kubectl mqtt acl denials -o wide; Access in the console): mostly the client is to trust the CA, or to show a certificate")
}

func denialsGoOn(f *Facts) []api.Problem {
	n, many := f.many(f.Denied, f.Before.Denied)
	if !many {
		return nil
	}
	return one(isWarning, "AccessDenied", fmt.Sprintf("access rules denied %d publishes and subscriptions in the last %s", n, f.since()),
		"the last denials say whose, and why (kubectl mqtt acl denials; Access in the console): correct the client's topic, or give it a rule")
}

func bansInForce(f *Facts) []api.Problem {
	if f.BannedAddresses+f.BannedClients == 0 {
		return nil
	}
	return one(isWarning, "BansInForce", fmt.Sprintf("%d addresses and %d clients are banned for a while", f.BannedAddresses, f.BannedClients),
		"the log says which and why; correct their passwords, or what has them reconnect all the time. A ban ends by itself")
}

func clientsThrottled(f *Facts) []api.Problem {
	if f.Throttled == 0 {
		return nil
	}
	return one(isWarning, "ClientsThrottled", fmt.Sprintf("%d clients publish faster than they may, and are not read from for a moment", f.Throttled),
		"raise limits.publishMessagesPerSecond or publishBytesPerSecond, or the user's own limits, if that is too little")
}

// since is how long ago Before was.
func (f *Facts) since() time.Duration { return f.Time.Sub(f.Before.Time).Round(time.Second) }
