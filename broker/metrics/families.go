package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dunlin-mqtt/dunlin/broker/histogram"
)

// family is numbers that differ by labels.
type family struct {
	desc   description
	kind   prometheus.ValueType
	values func(*Snapshot) []labelled
}

// labelled is one of them, with its labels in the order of the description.
type labelled struct {
	value  float64
	labels []string
}

// distribution is histograms that differ by one label, or a single one without.
type distribution struct {
	desc   description
	values func(*Snapshot) map[string]histogram.Snapshot // the key of a single one is ""
}

var families = []family{
	{describe("connections_refused_total", "Connections that a limit kept out, by reason.", "reason"), counter,
		func(s *Snapshot) []labelled { return by(s.Refused) }},
	{describe("bans", "Bans in force, by what is banned.", "kind"), gauge,
		func(s *Snapshot) []labelled { return by(s.Bans) }},
	{describe("bans_total", "Bans that have begun, by what is banned.", "kind"), counter,
		func(s *Snapshot) []labelled { return by(s.BansTotal) }},
	{describe("messages_dropped_total", "Messages that did not reach a session, by reason.", "reason"), counter,
		func(s *Snapshot) []labelled { return by(shown(s.Dropped, reasons)) }},
	{describe("packets_received_total", "MQTT packets from clients, by type.", "type"), counter,
		func(s *Snapshot) []labelled { return by(s.Received.Packets) }},
	{describe("packets_sent_total", "MQTT packets to clients, by type.", "type"), counter,
		func(s *Snapshot) []labelled { return by(s.Sent.Packets) }},
	{describe("authentication_failures_total", "Clients that could not authenticate, also again on an open connection, by reason.", "reason"), counter,
		func(s *Snapshot) []labelled { return by(s.AuthFailures) }},
	{describe("denials_total", "What access rules denied: PUBLISH packets, filters of a SUBSCRIBE, wills.", "action"), counter,
		func(s *Snapshot) []labelled { return by(s.Denials) }},
	{describe("audited_denials_total", "What access rules would have denied, had authorization.enforcement not been Audit: PUBLISH packets, filters of a SUBSCRIBE, wills, and subscriptions that would have got fewer messages (receive).", "action"), counter,
		func(s *Snapshot) []labelled { return by(s.AuditedDenials) }},
	{describe("audit_entries_total",
		"Entries of the audit log by what became of them: written, or left out (rate_limited, overflown: the disk is too slow; failed).", "outcome"), counter,
		func(s *Snapshot) []labelled { return by(s.Audit) }},
	{describe("client_connections", "Connections that were let in and are open, by listener and protocol version.", "listener", "version"), gauge,
		func(s *Snapshot) []labelled {
			return byListener(s.Clients, func(c *Clients) float64 { return float64(c.Open) })
		}},
	{describe("client_connects_total", "Connections that were let in, by listener and protocol version.", "listener", "version"), counter,
		func(s *Snapshot) []labelled {
			return byListener(s.Clients, func(c *Clients) float64 { return float64(c.Total) })
		}},
	{describe("tls_handshakes_failed_total", "TLS handshakes that failed, by listener.", "listener"), counter,
		func(s *Snapshot) []labelled { return by(s.Handshakes) }},
	{describe("certificate_expiry_timestamp_seconds",
		"When what a listener's TLS goes by ends, in seconds since 1970: its certificates, the first of its client CAs, its revocation lists.",
		"listener", "kind", "path"), gauge, certificates},
	{describe("auth_info", "1, with the revision of the users and access rules in force as a label; the revision is empty for plain files.", "revision"), gauge,
		func(s *Snapshot) []labelled { return []labelled{{1, []string{s.AuthRevision}}} }},
	{describe("build_info", "1, with the broker's version as a label.", "version"), gauge,
		func(s *Snapshot) []labelled { return []labelled{{1, []string{s.Version}}} }},
}

var distributions = []distribution{
	{describe("publish_duration_seconds",
		"How long PUBLISH packets took from being read to being written to, or queued for, their subscribers (path memory) or, where "+
			"the acknowledgement waits for the disk, to the acknowledgement (path store). A sample: of one read in 16.", "path"),
		func(s *Snapshot) map[string]histogram.Snapshot { return s.PublishDurations }},
	{describe("store_sync_duration_seconds", "How long the store waited for the disk, each time."),
		func(s *Snapshot) map[string]histogram.Snapshot { return one(s.StoreSyncs) }},
	{describe("store_commit_duration_seconds", "How long the first write of each batch waited until the batch was durable: the longest that one of it had to."),
		func(s *Snapshot) map[string]histogram.Snapshot { return one(s.StoreCommits) }},
}

func one(h histogram.Snapshot) map[string]histogram.Snapshot {
	return map[string]histogram.Snapshot{"": h}
}

// by is a metric with one label.
func by[N int64 | uint64](numbers map[string]N) []labelled {
	out := make([]labelled, 0, len(numbers))
	for label, n := range numbers {
		out = append(out, labelled{float64(n), []string{label}})
	}
	return out
}

// shown is numbers with all that are always shown, at 0 as well.
func shown(numbers map[string]uint64, always []string) map[string]uint64 {
	out := make(map[string]uint64, len(always))
	for _, label := range always {
		out[label] = 0
	}
	for label, n := range numbers {
		out[label] = n
	}
	return out
}

func byListener(clients []Clients, value func(*Clients) float64) []labelled {
	out := make([]labelled, len(clients))
	for i := range clients {
		out[i] = labelled{value(&clients[i]), []string{clients[i].Listener, clients[i].Version}}
	}
	return out
}

// certificates are the ends of what is in files; what is in several of a kind with one path ends when the first does.
func certificates(s *Snapshot) []labelled {
	var out []labelled
	for _, e := range s.Expiries {
		labels := []string{e.Listener, e.Kind, e.Path}
		at := slices.IndexFunc(out, func(l labelled) bool { return slices.Equal(l.labels, labels) })
		if at < 0 {
			out = append(out, labelled{float64(e.At.Unix()), labels})
		} else {
			out[at].value = min(out[at].value, float64(e.At.Unix()))
		}
	}
	return out
}

// histogram is what h has counted, as Prometheus wants it: each bucket with what is in the smaller ones.
func (d description) histogram(h histogram.Snapshot, label string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(histogram.Bounds))
	sum := uint64(0)
	for i, bound := range histogram.Bounds {
		sum += h.Counts[i]
		buckets[bound] = sum
	}
	var labels []string
	if len(d.labels) > 0 {
		labels = []string{label}
	}
	return prometheus.MustNewConstHistogram(d.Desc, h.Count(), h.Sum.Seconds(), buckets, labels...)
}
