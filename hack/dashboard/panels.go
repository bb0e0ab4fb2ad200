package main

type row struct {
	title  string
	panels []panel
}

// panel is a graph, or the last value if stat is set.
type panel struct {
	title, description string
	unit               string // as Grafana names it
	stat               bool
	thresholds         []object
	queries            []query
}

type query struct{ expr, legend string }

// rate is a counter's, a second, summed by labels ("": by instance alone).
func rate(metric, by string) string {
	return "sum by (instance" + comma(by) + ") (rate(" + metric + `{instance=~"$instance"}[$__rate_interval]))`
}

// quantile is one of a histogram, by labels ("": by instance alone).
func quantile(q, metric, by string) string {
	return "histogram_quantile(" + q + ", sum by (instance, le" + comma(by) + ") (rate(" + metric + `_bucket{instance=~"$instance"}[$__rate_interval])))`
}

func comma(by string) string {
	if by == "" {
		return ""
	}
	return ", " + by
}

func gauge(metric string) string { return metric + `{instance=~"$instance"}` }

// below is red below a bound, good above it.
func below(bound float64) []object {
	return []object{{"color": "red", "value": nil}, {"color": "green", "value": bound}}
}

// above is red from a bound on.
func above(bound float64) []object {
	return []object{{"color": "green", "value": nil}, {"color": "red", "value": bound}}
}

var rows = []row{
	{"Is it well?", []panel{
		{title: "Store", description: "1: it takes writes. 0: the disk is full or fails.", unit: "none", stat: true, thresholds: below(1),
			queries: []query{{gauge("dunlin_store_up"), "{{instance}}"}}},
		{title: "Users and rules fail to load", description: "1: what was in force before still is.", unit: "none", stat: true, thresholds: above(1),
			queries: []query{{gauge("dunlin_auth_load_failed"), "{{instance}}"}}},
		{title: "Certificates end in", description: "The first of each listener's certificates, client CAs and revocation lists.", unit: "s", stat: true, thresholds: below(7 * 86400),
			queries: []query{{`min by (instance, kind) (dunlin_certificate_expiry_timestamp_seconds{instance=~"$instance"}) - time()`, "{{instance}} {{kind}}"}}},
	}},
	{"Traffic", []panel{
		{title: "PUBLISH packets", unit: "ops", queries: []query{
			{`sum by (instance) (rate(dunlin_packets_received_total{type="publish",instance=~"$instance"}[$__rate_interval]))`, "in {{instance}}"},
			{`sum by (instance) (rate(dunlin_packets_sent_total{type="publish",instance=~"$instance"}[$__rate_interval]))`, "out {{instance}}"},
		}},
		{title: "Bytes", unit: "Bps", queries: []query{
			{rate("dunlin_received_bytes_total", ""), "in {{instance}}"}, {rate("dunlin_sent_bytes_total", ""), "out {{instance}}"}}},
		{title: "How long a PUBLISH takes", description: "From its reading to its subscribers' connections (memory), or to its acknowledgement where that waits for the disk (store). A sample.",
			unit: "s", queries: []query{
				{quantile("0.5", "dunlin_publish_duration_seconds", "path"), "p50 {{path}} {{instance}}"},
				{quantile("0.99", "dunlin_publish_duration_seconds", "path"), "p99 {{path}} {{instance}}"}}},
		{title: "Messages dropped", description: "What did not reach a session that should have had it, by reason.", unit: "ops",
			queries: []query{{rate("dunlin_messages_dropped_total", "reason"), "{{reason}} {{instance}}"}}},
		{title: "Packets from clients", unit: "ops", queries: []query{{rate("dunlin_packets_received_total", "type"), "{{type}} {{instance}}"}}},
		{title: "Messages that wait", description: "For clients that are away or slow, once for each.", unit: "none",
			queries: []query{{gauge("dunlin_queued_messages"), "{{instance}}"}}},
	}},
	{"Clients", []panel{
		{title: "Connections", description: "By listener and protocol version.", unit: "none",
			queries: []query{{`sum by (instance, listener, version) (dunlin_client_connections{instance=~"$instance"})`, "{{listener}} {{version}} {{instance}}"}}},
		{title: "Connects", description: "Far above what sessions come to: clients that come and go.", unit: "ops",
			queries: []query{{rate("dunlin_client_connects_total", "listener"), "{{listener}} {{instance}}"}}},
		{title: "Kept out", description: "By limits, by failed authentication, by failed TLS handshakes.", unit: "ops", queries: []query{
			{rate("dunlin_connections_refused_total", "reason"), "limit {{reason}} {{instance}}"},
			{rate("dunlin_authentication_failures_total", "reason"), "authentication {{reason}} {{instance}}"},
			{rate("dunlin_tls_handshakes_failed_total", "listener"), "TLS {{listener}} {{instance}}"}}},
		{title: "Denied by access rules", unit: "ops", queries: []query{{rate("dunlin_denials_total", "action"), "{{action}} {{instance}}"}}},
		{title: "Sessions", unit: "none", queries: []query{
			{gauge("dunlin_sessions"), "all {{instance}}"}, {gauge("dunlin_sessions_connected"), "connected {{instance}}"}}},
		{title: "Subscriptions and retained messages", unit: "none", queries: []query{
			{gauge("dunlin_subscriptions"), "subscriptions {{instance}}"}, {gauge("dunlin_retained_messages"), "retained {{instance}}"}}},
	}},
	{"Disk and process", []panel{
		{title: "How long the disk takes", description: "A sync is waited for by all writes of a batch.", unit: "s", queries: []query{
			{quantile("0.5", "dunlin_store_sync_duration_seconds", ""), "sync p50 {{instance}}"},
			{quantile("0.99", "dunlin_store_sync_duration_seconds", ""), "sync p99 {{instance}}"},
			{quantile("0.99", "dunlin_store_commit_duration_seconds", ""), "write p99 {{instance}}"}}},
		{title: "Writes", unit: "ops", queries: []query{
			{rate("dunlin_store_writes_total", ""), "writes {{instance}}"}, {rate("dunlin_store_sync_duration_seconds_count", ""), "syncs {{instance}}"}}},
		{title: "On the disk", unit: "bytes", queries: []query{{gauge("dunlin_store_disk_bytes"), "{{instance}}"}}},
		{title: "CPU", unit: "none", queries: []query{
			{`rate(process_cpu_seconds_total{instance=~"$instance"}[$__rate_interval]) and on (instance, job) dunlin_build_info`, "{{instance}}"}}},
		{title: "Memory", unit: "bytes", queries: []query{
			{`process_resident_memory_bytes{instance=~"$instance"} and on (instance, job) dunlin_build_info`, "{{instance}}"}}},
		{title: "Audit log", description: "Entries written, and those left out to keep a flood off the disk.", unit: "ops", queries: []query{
			{rate("dunlin_audit_entries_total", "outcome"), "{{outcome}} {{instance}}"}}},
	}},
	{"Operator", []panel{
		{title: "Objects", description: "By kind and the status of Ready.", unit: "none",
			queries: []query{{"sum by (kind, ready) (dunlin_operator_objects)", "{{kind}} {{ready}}"}}},
		{title: "From a change to every pod", unit: "s", queries: []query{
			{"histogram_quantile(0.5, sum by (kind, le) (rate(dunlin_operator_apply_duration_seconds_bucket[$__rate_interval])))", "p50 {{kind}}"},
			{"histogram_quantile(0.99, sum by (kind, le) (rate(dunlin_operator_apply_duration_seconds_bucket[$__rate_interval])))", "p99 {{kind}}"}}},
		{title: "Rendering users and rules", unit: "s", queries: []query{
			{"histogram_quantile(0.99, sum by (le) (rate(dunlin_operator_render_duration_seconds_bucket[$__rate_interval])))", "p99"}}},
		{title: "Server certificates end in", unit: "s", stat: true, thresholds: below(3 * 86400),
			queries: []query{{"min by (broker) (dunlin_operator_certificate_expiry_timestamp_seconds) - time()", "{{broker}}"}}},
		{title: "Reconciles", unit: "ops", queries: []query{
			{`sum by (controller, result) (rate(controller_runtime_reconcile_total{controller=~"broker|user|acl"}[$__rate_interval]))`, "{{controller}} {{result}}"}}},
	}},
}
