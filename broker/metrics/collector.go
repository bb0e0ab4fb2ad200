package metrics

import "github.com/prometheus/client_golang/prometheus"

// collector asks its source for a Snapshot whenever it is scraped.
type collector struct{ source Source }

// metric is one number of a Snapshot.
type metric struct {
	desc  description
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
	{describe("failed_authentications_total", "CONNECTs with a wrong user name, password or proof: what bans of addresses count."), counter,
		func(s *Snapshot) float64 { return float64(s.FailedAuthentications) }},
	{describe("auth_users", "Users with a password entry that are in force."), gauge,
		func(s *Snapshot) float64 { return float64(s.AuthUsers) }},
	{describe("auth_load_failed", "1 while the files of users and access rules cannot be loaded, so that earlier ones, or none, are in force."), gauge,
		func(s *Snapshot) float64 {
			if s.AuthFailed {
				return 1
			}
			return 0
		}},
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

// description is a metric as Prometheus and the documentation know it.
type description struct {
	*prometheus.Desc
	name, help string
	labels     []string
}

func describe(name, help string, labels ...string) description {
	name = "dunlin_" + name
	return description{prometheus.NewDesc(name, help, labels, nil), name, help, labels}
}

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range metrics {
		out <- m.desc.Desc
	}
	for _, f := range families {
		out <- f.desc.Desc
	}
	for _, d := range distributions {
		out <- d.desc.Desc
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	s := c.source.Metrics()
	for _, m := range metrics {
		out <- prometheus.MustNewConstMetric(m.desc.Desc, m.kind, m.value(&s))
	}
	for _, f := range families {
		for _, v := range f.values(&s) {
			out <- prometheus.MustNewConstMetric(f.desc.Desc, f.kind, v.value, v.labels...)
		}
	}
	for _, d := range distributions {
		for label, h := range d.values(&s) {
			out <- d.desc.histogram(h, label)
		}
	}
}
