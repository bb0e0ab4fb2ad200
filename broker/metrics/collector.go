package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// collector asks its source for a Snapshot whenever it is scraped.
type collector struct{ source Source }

// metric is one number of a Snapshot.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*Snapshot) float64
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

var metrics = []metric{
	{describe("store_up", "1 if the store takes writes, 0 if the last one failed or the disk is full."), gauge,
		func(s *Snapshot) float64 {
			if s.StoreUp {
				return 1
			}
			return 0
		}},
	{describe("store_writes_total", "Writes that became durable, each as a whole."), counter,
		func(s *Snapshot) float64 { return float64(s.StoreWrites) }},
	{describe("store_records_total", "Records in the writes that became durable."), counter,
		func(s *Snapshot) float64 { return float64(s.StoreRecords) }},
	{describe("store_written_bytes_total", "Bytes of the records that became durable."), counter,
		func(s *Snapshot) float64 { return float64(s.StoreBytes) }},
	{describe("store_disk_bytes", "Bytes that the store takes on the disk."), gauge,
		func(s *Snapshot) float64 { return float64(s.StoreDiskBytes) }},
	{describe("sessions", "Sessions, with and without a connection."), gauge,
		func(s *Snapshot) float64 { return float64(s.Sessions) }},
	{describe("subscriptions", "Subscriptions of all sessions."), gauge,
		func(s *Snapshot) float64 { return float64(s.Subscriptions) }},
	{describe("retained_messages", "Topics with a retained message."), gauge,
		func(s *Snapshot) float64 { return float64(s.Retained) }},
	{describe("queued_messages", "Messages that wait for sessions, one for each session that it waits for."), gauge,
		func(s *Snapshot) float64 { return float64(s.QueuedMessages) }},
	{describe("queued_bytes", "Bytes of the messages that wait for sessions."), gauge,
		func(s *Snapshot) float64 { return float64(s.QueuedBytes) }},
	{describe("connections", "Open MQTT connections."), gauge,
		func(s *Snapshot) float64 { return float64(s.Connections) }},
	{describe("connections_previous_password", "Open MQTT connections made with a password of before, which works for a while yet."), gauge,
		func(s *Snapshot) float64 { return float64(s.PreviousPasswords) }},
	{describe("throttled_clients", "Clients that are not read from for a moment, since they publish too fast."), gauge,
		func(s *Snapshot) float64 { return float64(s.Throttled) }},
	{describe("throttles_total", "How often a client was not read from for a moment, since it published too fast."), counter,
		func(s *Snapshot) float64 { return float64(s.ThrottledTotal) }},
	{describe("failed_authentications_total", "CONNECTs with a wrong user name or password."), counter,
		func(s *Snapshot) float64 { return float64(s.FailedAuthentications) }},
	{describe("connections_accepted_total", "Connections that were accepted, those that never sent a CONNECT among them."), counter,
		func(s *Snapshot) float64 { return float64(s.Sockets) }},
	{describe("sessions_connected", "Sessions that have a connection."), gauge,
		func(s *Snapshot) float64 { return float64(s.Connected) }},
	{describe("sessions_connected_peak", "The most sessions that had a connection at a time."), gauge,
		func(s *Snapshot) float64 { return float64(s.ConnectedMaximum) }},
	{describe("sessions_expired_total", "Sessions that ended because their client stayed away."), counter,
		func(s *Snapshot) float64 { return float64(s.SessionsExpired) }},
	{describe("shared_subscriptions", "Shared subscriptions of all sessions."), gauge,
		func(s *Snapshot) float64 { return float64(s.SharedSubscriptions) }},
	{describe("received_bytes_total", "Bytes of the MQTT packets from clients."), counter,
		func(s *Snapshot) float64 { return float64(s.Received.Bytes) }},
	{describe("sent_bytes_total", "Bytes of the MQTT packets to clients."), counter,
		func(s *Snapshot) float64 { return float64(s.Sent.Bytes) }},
	{describe("received_payload_bytes_total", "Bytes of the payloads of messages from clients."), counter,
		func(s *Snapshot) float64 { return float64(s.Received.PayloadBytes) }},
	{describe("sent_payload_bytes_total", "Bytes of the payloads of messages to clients."), counter,
		func(s *Snapshot) float64 { return float64(s.Sent.PayloadBytes) }},
}

var (
	syncDuration = describe("store_sync_duration_seconds", "How long the store waited for the disk, and how often.")
	refused      = describe("connections_refused_total", "Connections that a limit kept out, by reason.", "reason")
	bans         = describe("bans", "Bans in force, by what is banned.", "kind")
	bansTotal    = describe("bans_total", "Bans that have begun, by what is banned.", "kind")
	dropped      = describe("messages_dropped_total", "Messages that did not reach a session, by reason.", "reason")
	received     = describe("packets_received_total", "MQTT packets from clients, by type.", "type")
	sent         = describe("packets_sent_total", "MQTT packets to clients, by type.", "type")
	build        = describe("build_info", "1, with the broker's version as a label.", "version")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("dunlin_"+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range metrics {
		out <- m.desc
	}
	out <- syncDuration
	out <- dropped
	out <- refused
	out <- bans
	out <- bansTotal
	out <- received
	out <- sent
	out <- build
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	s := c.source.Metrics()
	for _, m := range metrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&s))
	}
	out <- prometheus.MustNewConstSummary(syncDuration, s.StoreSyncs, s.StoreSyncSeconds, nil)
	collect(out, refused, counter, s.Refused)
	collect(out, bans, gauge, s.Bans)
	collect(out, bansTotal, counter, s.BansTotal)
	for _, reason := range reasons {
		out <- prometheus.MustNewConstMetric(dropped, counter, float64(s.Dropped[reason]), reason)
	}
	for reason, n := range s.Dropped {
		if !slices.Contains(reasons, reason) {
			out <- prometheus.MustNewConstMetric(dropped, counter, float64(n), reason)
		}
	}
	for name, n := range s.Received.Packets {
		out <- prometheus.MustNewConstMetric(received, counter, float64(n), name)
	}
	for name, n := range s.Sent.Packets {
		out <- prometheus.MustNewConstMetric(sent, counter, float64(n), name)
	}
	out <- prometheus.MustNewConstMetric(build, gauge, 1, s.Version)
}

// collect shows a metric with one label.
func collect[N int64 | uint64](out chan<- prometheus.Metric, d *prometheus.Desc, kind prometheus.ValueType, by map[string]N) {
	for label, n := range by {
		out <- prometheus.MustNewConstMetric(d, kind, float64(n), label)
	}
}
