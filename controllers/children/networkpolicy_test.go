package children

import "testing"

func TestTracingPort(t *testing.T) {
	for endpoint, want := range map[string]int32{
		"": 0, "http://collector": 80, "https://collector/v1/traces": 443, "http://[::1]:4318/v1/traces": 4318, "http://collector.monitoring:4318": 4318,
	} {
		if got := tracingPort(endpoint); got != want {
			t.Errorf("%q: port %d, want %d", endpoint, got, want)
		}
	}
}
