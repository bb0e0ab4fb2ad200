package config

// Static is c without what a running broker takes live, the same for two configurations between which
// no restart is needed: authentication, authorization, limits, the listeners' maxConnections, drain, the
// store's maxBytes and the log's level are live. Users, access rules and certificates are no part of a configuration: their
// files are watched.
func (c Config) Static() Config {
	out := *c.DeepCopy()
	out.Authentication, out.Authorization, out.Limits, out.Drain = Authentication{}, Authorization{}, Limits{}, Drain{}
	out.Log.Level, out.Store.MaxBytes = "", 0
	for i := range out.Listeners {
		out.Listeners[i].MaxConnections = 0
	}
	return out
}

// WithLive is c, whose static part is what it was, with what is live of another configuration.
func (c Config) WithLive(of Config) Config {
	out, from := *c.DeepCopy(), *of.DeepCopy()
	out.Authentication, out.Authorization, out.Limits, out.Drain = from.Authentication, from.Authorization, from.Limits, from.Drain
	out.Log.Level, out.Store.MaxBytes = from.Log.Level, from.Store.MaxBytes
	for i := range out.Listeners {
		for _, l := range from.Listeners {
			if l.Name == out.Listeners[i].Name {
				out.Listeners[i].MaxConnections = l.MaxConnections
			}
		}
	}
	return out
}
